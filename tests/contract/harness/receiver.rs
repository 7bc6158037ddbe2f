//! A receiver of webhooks: a listener that keeps every request and answers as the test says.
//! Used by `hooks`. Never answers before the request is kept.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Instant,
};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use super::{Fields, within};

/// How the receiver answers.
#[derive(Clone, Debug)]
pub enum Manner {
    /// With this status.
    Status(u16),
    /// With a redirect to there.
    Redirect(String),
    /// Not at all.
    Silent,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub at: Instant,
}

impl Parcel {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn kind(&self) -> String {
        self.json().text("type")
    }

    pub fn cursor(&self) -> u64 {
        self.json().number("cursor")
    }

    /// The signatures in the header, computed anew with each of these secrets.
    pub fn is_signed_by(&self, secrets: &[&str]) -> bool {
        let (time, signatures) = self.header("m4sh-signature").split_once(",v1=").expect("a signature");
        let unix = time.strip_prefix("t=").expect("a time");
        let age = jiff::Timestamp::now().as_second() - unix.parse::<i64>().expect("Unix seconds");
        let own = secrets.iter().map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
            mac.update(format!("{unix}.").as_bytes());
            mac.update(&self.body);
            mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        });
        age.abs() < 120 && signatures.split(",v1=").map(str::to_owned).eq(own)
    }
}

#[derive(Default)]
struct Inbox {
    parcels: Mutex<Vec<Parcel>>,
    news: Notify,
}

/// The receiver.
pub struct Receiver {
    address: SocketAddr,
    inbox: Arc<Inbox>,
    manner: Arc<Mutex<Manner>>,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut receiver = Self {
            address: listener.local_addr().unwrap(),
            inbox: Arc::default(),
            manner: Arc::new(Mutex::new(Manner::Status(204))),
            listening: None,
        };
        receiver.listen(listener);
        receiver
    }

    fn listen(&mut self, listener: TcpListener) {
        let (inbox, manner) = (self.inbox.clone(), self.manner.clone());
        self.listening = Some(tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, inbox.clone(), manner.clone()));
            }
        }));
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn answers(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// Connections are refused from now on.
    pub async fn down(&mut self) {
        if let Some(task) = self.listening.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Back at the same address.
    pub async fn up(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.listen(listener);
    }

    pub fn all(&self) -> Vec<Parcel> {
        self.inbox.parcels.lock().unwrap().clone()
    }

    /// All that came, once it is so many.
    pub async fn at_least(&self, count: usize) -> Vec<Parcel> {
        self.until(&format!("{count} deliveries"), |parcels| parcels.len() >= count).await
    }

    /// All that came, once it is enough.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Parcel]) -> bool) -> Vec<Parcel> {
        within(what, async {
            loop {
                let news = self.inbox.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                let parcels = self.all();
                if enough(&parcels) {
                    return parcels;
                }
                news.await;
            }
        })
        .await
    }
}

async fn serve(mut stream: TcpStream, inbox: Arc<Inbox>, manner: Arc<Mutex<Manner>>) {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).expect("a head of text");
    let lines = text.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: BTreeMap<_, _> = lines.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let manner = manner.lock().unwrap().clone();
    let parcel = Parcel { headers, body: bytes[head..head + length].to_vec(), at: Instant::now() };
    inbox.parcels.lock().unwrap().push(parcel);
    inbox.news.notify_waiters();
    let answer = match manner {
        Manner::Status(status) => format!("HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        Manner::Redirect(to) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }
        Manner::Silent => {
            // Until the sender has had enough.
            let _ = stream.read_buf(&mut bytes).await;
            return;
        }
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(task) = &self.listening {
            task.abort();
        }
    }
}
