//! An object store that speaks S3 (moto, a process of its own) behind a door that the test can shut or slow.
//! Used by the tests of storage. Never shares a bucket with another test.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

/// The bucket's name.
pub const NAME: &str = "boards";

/// What the door does with connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Door {
    /// Lets them through.
    Open,
    /// Takes them and hangs up.
    Shut,
    /// Takes them and says nothing.
    Silent,
    /// Lets requests through and hangs up instead of answering.
    Deaf,
}

/// A bucket of one test.
pub struct Bucket {
    moto: Child,
    /// The store itself, past the door.
    pub inside: String,
    /// The store as the server under test sees it.
    pub endpoint: String,
    door: Arc<AtomicU8>,
    guard: AbortHandle,
    open: Arc<Mutex<JoinSet<()>>>,
}

impl Bucket {
    /// A store with an empty bucket that keeps versions.
    pub async fn start() -> Self {
        let program = moto_server();
        let mut moto = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}; run scripts/setup.sh test", program.display()));
        let lines = BufReader::new(moto.stderr.take().unwrap()).lines();
        let (tell, told) = tokio::sync::oneshot::channel();
        // Reads on for ever, so that the store never waits for somebody to read its log.
        std::thread::spawn(move || {
            let mut tell = Some(tell);
            for line in lines.map_while(Result::ok) {
                if let (Some(at), Some(_)) = (line.find("http://127.0.0.1:"), &tell) {
                    let _ = tell.take().unwrap().send(line[at..].trim().to_owned());
                }
            }
        });
        // Python reads a great deal before it listens.
        let inside = tokio::time::timeout(super::DEADLINE * 3, told).await.expect("moto listens").expect("moto lives");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (door, open) = (Arc::new(AtomicU8::new(Door::Open as u8)), Arc::new(Mutex::new(JoinSet::new())));
        let target = inside.trim_start_matches("http://").to_owned();
        let guard = tokio::spawn(keep_door(listener, target, door.clone(), open.clone())).abort_handle();
        let bucket = Self { moto, inside, endpoint, door, guard, open };
        let http = client();
        http.put(bucket.url("")).send().await.unwrap().error_for_status().unwrap();
        let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        http.put(bucket.url("?versioning")).body(versions).send().await.unwrap().error_for_status().unwrap();
        bucket
    }

    /// Sets the door, and breaks every connection that went through it.
    pub fn door(&self, door: Door) {
        self.door.store(door as u8, Ordering::SeqCst);
        self.open.lock().unwrap().abort_all();
    }

    /// The settings of a server that keeps its objects here.
    pub fn settings(&self) -> Vec<(&str, &str)> {
        vec![
            ("SOLO_STORAGE_BACKEND", "s3"),
            ("AWS_ACCESS_KEY_ID", "the-key"),
            ("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-key"),
            ("AWS_S3_REGION_NAME", "eu-central-1"),
            ("AWS_S3_ENDPOINT_URL", &self.endpoint),
            ("AWS_STORAGE_BUCKET_NAME", NAME),
            ("M4SH_S3_PUBLIC_ENDPOINT_URL", &self.inside),
        ]
    }

    /// The address of an object (or of a question about the bucket), past the door.
    pub fn url(&self, key: &str) -> String {
        format!("{}/{NAME}{}{key}", self.inside, if key.is_empty() || key.starts_with('?') { "" } else { "/" })
    }

    /// An object. The store wants to be asked by somebody, and does not look whether the signature is good.
    pub async fn object(&self, key: &str) -> reqwest::Response {
        let somebody = "AWS4-HMAC-SHA256 Credential=the-key/20260101/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=x";
        client().get(self.url(key)).header("Authorization", somebody).send().await.unwrap()
    }

    /// The keys of all objects.
    pub async fn keys(&self) -> Vec<String> {
        let xml = client().get(self.url("?list-type=2")).send().await.unwrap().text().await.unwrap();
        let keys = xml.split("<Key>").skip(1).map(|rest| rest.split("</Key>").next().unwrap().to_owned());
        keys.collect()
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.guard.abort();
        let _ = self.moto.kill();
        let _ = self.moto.wait();
    }
}

/// An HTTP client that knows nothing of S3.
pub fn client() -> reqwest::Client {
    super::http_client().build().unwrap()
}

/// A program of the tests' own Python.
pub fn python_program(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin").join(name);
    assert!(program.exists(), "{} is missing: run scripts/setup.sh test", program.display());
    program
}

fn moto_server() -> PathBuf {
    python_program("moto_server")
}

async fn keep_door(listener: TcpListener, target: String, door: Arc<AtomicU8>, open: Arc<Mutex<JoinSet<()>>>) {
    while let Ok((mut visitor, _)) = listener.accept().await {
        let (target, state) = (target.clone(), door.load(Ordering::SeqCst));
        open.lock().unwrap().spawn(async move {
            if state == Door::Open as u8 {
                if let Ok(mut store) = TcpStream::connect(target).await {
                    let _ = copy_bidirectional(&mut visitor, &mut store).await;
                }
            } else if state == Door::Silent as u8 {
                let _ = visitor.read_to_end(&mut Vec::new()).await;
            } else if state == Door::Deaf as u8 {
                pass_without_answer(visitor, target).await;
            }
        });
    }
}

/// The store does what it is asked, and its answer is lost.
async fn pass_without_answer(mut visitor: TcpStream, target: String) {
    let Ok(mut store) = TcpStream::connect(target).await else { return };
    let (mut piece, mut answer) = (vec![0; 64 * 1024], [0; 1024]);
    loop {
        tokio::select! {
            got = visitor.read(&mut piece) => match got {
                Ok(length) if length > 0 => { let _ = store.write_all(&piece[..length]).await; }
                _ => return,
            },
            // `100 Continue` is not the answer yet, but nobody asks for it here.
            _ = store.read(&mut answer) => return,
        }
    }
}
