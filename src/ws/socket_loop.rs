//! One socket's loop: messages in, outbox out, silence watched; and the one place where it ends.
//! Spawned by `upgrade`. The only place that awaits the socket; actors never do, since a full socket would hold them up.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Item, Session};
use tokio::time::{Instant, sleep, timeout};

use crate::actors::clock;
use crate::actors::metrics::{count_budget_hit, count_throttled, metrics};
use crate::actors::outbox::{Outbox, OutboxItem};
use crate::actors::socket_registry::{RegisteredSocket, SocketScope};
use crate::identity::RateLimitKey;
use crate::ws::context::SocketContext;
use crate::ws::handshake::{PendingSocket, Rejected};
use crate::ws::pings::PingTimer;
use crate::ws::session::{JoinedSession, SessionEnd};
use crate::ws::translator::Translator;
use m4sh_domain::ids::ClientId;
use m4sh_domain::limits;
use m4sh_domain::rate::{Bucket, RateDecision, Scope};
use m4sh_protocol::client::ClientFrame;
use m4sh_protocol::close::Close;
use m4sh_protocol::dialect::Dialect;
use m4sh_protocol::payload::Payload;
use m4sh_protocol::server::ServerFrame;

/// Longer than any socket lives, and short enough to be added to an instant.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long a ping or pong may wait for room.
const CONTROL_PATIENCE: Duration = Duration::from_secs(1);

/// The socket is gone: nobody is left to say anything to.
struct Disconnected;

/// Runs one connection to its end.
pub(super) async fn run(
    session: Session,
    messages: AggregatedMessageStream,
    dialect: Dialect,
    greeting: Result<Box<PendingSocket>, Rejected>,
    sockets: Arc<SocketContext>,
) {
    metrics().connections.increment(1);
    let mut wire = SocketLoop {
        session,
        messages,
        dialect,
        outbox: Outbox::default(),
        last_heard: Instant::now(),
        ends: None,
        flood: Bucket::default(),
        pings: PingTimer::new(),
        left_by_frame: false,
        caller: greeting.as_ref().ok().map(|greeting| greeting.caller()),
        retry_after: greeting.as_ref().err().and_then(|turned| turned.wait),
        sockets: sockets.clone(),
        translator: None,
    };
    let greeting = greeting.map_err(|turned| turned.close);
    let login = greeting.as_ref().ok().and_then(|greeting| Some((greeting.login()?, greeting.conn)));
    let registration = login.and_then(|(login, conn)| {
        let socket = RegisteredSocket { conn, user: None, dialect, outbox: wire.outbox.clone() };
        let registration = sockets.registry.register(SocketScope::Login(login), socket, usize::MAX);
        // It may have ended between the check of its token and this line, when nobody knew of this socket.
        if sockets.authenticator.has_ended(login) {
            sockets.login_ended(login);
        }
        registration
    });
    let end = serve(&mut wire, greeting).await;
    drop(registration);
    if let Ok(close) = end {
        Box::pin(wire.send_close(close)).await;
    }
    metrics().connections.decrement(1);
}

/// From the handshake to the reason for closing.
async fn serve(wire: &mut SocketLoop, greeting: Result<Box<PendingSocket>, Close>) -> Result<Close, Disconnected> {
    let opened = match greeting {
        Ok(greeting) => Box::pin(greeting.open(wire.outbox.clone())).await,
        Err(close) => Err(close),
    };
    let greeting = match opened {
        Ok((greeting, translator)) => {
            wire.translator = translator;
            greeting
        }
        Err(close) => return Box::pin(wire.drain_and_close(close)).await,
    };
    // The presence dialect and translated clients join by the handshake; the full dialects send hello first.
    let (client, resume, watch) = if wire.dialect.is_full() && wire.translator.is_none() {
        match Box::pin(timeout(limits::HELLO_DEADLINE, wire.hello())).await {
            Ok(Ok(Ok(hello))) => hello,
            Ok(Ok(Err(close))) => return Box::pin(wire.drain_and_close(close)).await,
            Ok(Err(gone)) => return Err(gone),
            Err(_) => return Box::pin(wire.drain_and_close(Close::Timeout)).await,
        }
    } else {
        (ClientId(uuid::Uuid::now_v7()), None, false)
    };
    // Boxed, as the goodbye is: a connection that rests should not hold the room that its beginning and end need.
    let mut seated = match Box::pin(greeting.join(client, resume, watch, wire.outbox.clone())).await {
        Ok(seated) => seated,
        Err(close) => return Box::pin(wire.drain_and_close(close)).await,
    };
    if let Some(translator) = &mut wire.translator {
        translator.joined();
    }
    wire.ends = seated.ends.map(|(life, close)| (Instant::now() + life.min(FOREVER), close));
    let end = wire.run_session(&mut seated).await;
    // Before the farewell, which a reader that is gone may draw out. One that was silent for so long was waited for.
    seated.leave(matches!(end, Ok(Close::Timeout)) || wire.left_by_frame);
    match end {
        Ok(close) => Box::pin(wire.drain_and_close(close)).await,
        Err(gone) => Err(gone),
    }
}

struct SocketLoop {
    session: Session,
    messages: AggregatedMessageStream,
    dialect: Dialect,
    outbox: Outbox,
    last_heard: Instant,
    /// When the token or the link ends that is all we know of its bearer, and with what it is closed then.
    ends: Option<(Instant, Close)>,
    flood: Bucket,
    pings: PingTimer,
    /// Whether the client said goodbye in words, not only by closing.
    left_by_frame: bool,
    /// Who is turned away for a while when this socket floods.
    caller: Option<RateLimitKey>,
    /// When its client may come back, where that is not what the close code says.
    retry_after: Option<Duration>,
    sockets: Arc<SocketContext>,
    /// What stands between the session and a client of another protocol.
    translator: Option<Box<dyn Translator>>,
}

/// What woke the loop.
enum LoopEvent {
    Out(OutboxItem),
    In(Option<Result<AggregatedMessage, actix_ws::ProtocolError>>),
    Silence,
}

/// The tab, where it left, and whether it watches the class.
type HelloFields = (ClientId, Option<m4sh_protocol::client::Position>, bool);

impl SocketLoop {
    /// Waits for the first frame, which must be a hello.
    async fn hello(&mut self) -> Result<Result<HelloFields, Close>, Disconnected> {
        loop {
            let message = self.messages.recv().await;
            match self.incoming(message).await? {
                Incoming::Frame(bytes) => {
                    return Ok(match ClientFrame::decode(&bytes, self.dialect) {
                        Ok(ClientFrame::Hello { client, resume, watch }) => Ok((client, resume, watch)),
                        _ => Err(Close::BadRequest),
                    });
                }
                Incoming::Control => {}
                Incoming::End(close) => return Ok(Err(close)),
            }
        }
    }

    /// The loop of a joined session, until somebody ends it.
    async fn run_session(&mut self, seated: &mut JoinedSession) -> Result<Close, Disconnected> {
        let silence = sleep(self.next_check());
        tokio::pin!(silence);
        // After each tick's cursors the client is heard first: a reader for whom there is always a newer tick must
        // still be able to draw.
        let mut listen_first = false;
        loop {
            let event = {
                let (outbox, messages) = (&self.outbox, &mut self.messages);
                let (out, heard) = (poll_fn(|cx| outbox.poll_next(cx)), messages.recv());
                if listen_first {
                    tokio::select! {
                        biased;
                        message = heard => LoopEvent::In(message),
                        next = out => LoopEvent::Out(next),
                        () = &mut silence => LoopEvent::Silence,
                    }
                } else {
                    tokio::select! {
                        biased;
                        next = out => LoopEvent::Out(next),
                        message = heard => LoopEvent::In(message),
                        () = &mut silence => LoopEvent::Silence,
                    }
                }
            };
            listen_first = false;
            match event {
                LoopEvent::Out(OutboxItem::Frame(frame)) => self.send_frame(frame).await?,
                LoopEvent::Out(OutboxItem::Latest(_)) if self.translator.is_some() => listen_first = true,
                LoopEvent::Out(OutboxItem::Latest(frames)) => {
                    listen_first = true;
                    for frame in frames.iter() {
                        self.write(frame.clone()).await?;
                    }
                }
                LoopEvent::Out(OutboxItem::Drained) => seated.outbox_drained(),
                LoopEvent::Out(OutboxItem::Close(close)) => return Ok(close),
                LoopEvent::In(message) => match self.incoming(message).await? {
                    Incoming::Frame(bytes) => match self.handle(&bytes, seated).await {
                        ControlFlow::Continue(()) => {}
                        ControlFlow::Break(SessionEnd::Close(close)) => return Ok(close),
                        ControlFlow::Break(SessionEnd::Left) => {
                            self.left_by_frame = true;
                            return Err(self.answer_close(Some(CloseCode::Normal.into())).await);
                        }
                    },
                    Incoming::Control => {
                        if let Some(quality) = self.pings.changed_quality() {
                            seated.quality(quality);
                        }
                    }
                    Incoming::End(close) => return Ok(close),
                },
                LoopEvent::Silence => {
                    let quiet = self.last_heard.elapsed();
                    if quiet >= limits::SILENCE_LIMIT {
                        return Ok(Close::Timeout);
                    }
                    if let Some((_, close)) = self.ends.filter(|(ends, _)| *ends <= Instant::now()) {
                        return Ok(close);
                    }
                    if let Some(payload) = self.pings.due() {
                        self.control(true, &payload).await?;
                        if let Some(quality) = self.pings.changed_quality() {
                            seated.quality(quality);
                        }
                    }
                    let look =
                        seated.check_idle().map_or_else(|| self.next_check(), |rest| self.next_check().min(rest));
                    silence.as_mut().reset(Instant::now() + look);
                }
            }
            if let Some(translator) = &mut self.translator
                && let Some(frame) = translator.due().await
            {
                self.write(frame).await?;
            }
        }
    }

    /// Hands a message on, in the words that are spoken here.
    async fn handle(&mut self, bytes: &[u8], seated: &mut JoinedSession) -> ControlFlow<SessionEnd> {
        let Some(translator) = &mut self.translator else { return seated.handle_frame(bytes).await };
        match translator.incoming(bytes).await {
            Ok(Some(frame)) => Box::pin(seated.handle_frame(&frame)).await,
            Ok(None) => ControlFlow::Continue(()),
            Err(close) => ControlFlow::Break(SessionEnd::Close(close)),
        }
    }

    /// Writes what the seat says, in the words that are spoken here.
    async fn send_frame(&mut self, frame: Payload) -> Result<(), Disconnected> {
        let Some(translator) = &mut self.translator else { return self.write(frame).await };
        for message in translator.outgoing(frame).await {
            self.write(message).await?;
        }
        Ok(())
    }

    /// When to look at the silence again: when a ping is due, or has been unanswered for too long, or at the token's end.
    fn next_check(&self) -> Duration {
        let quiet = limits::SILENCE_LIMIT.saturating_sub(self.last_heard.elapsed());
        let left = self.ends.map_or(FOREVER, |(ends, _)| ends.saturating_duration_since(Instant::now()));
        quiet.min(self.pings.wait()).min(left).max(Duration::from_millis(50))
    }

    /// Sends a ping or a pong. One for which there is no room for a while is left out: whoever does not read needs none.
    async fn control(&mut self, ping: bool, bytes: &[u8]) -> Result<(), Disconnected> {
        let session = &mut self.session;
        let sent = timeout(CONTROL_PATIENCE, async {
            if ping { session.ping(bytes).await } else { session.pong(bytes).await }
        });
        Box::pin(sent).await.unwrap_or(Ok(())).map_err(|_| Disconnected)
    }

    /// What a message of the socket is to us; pings are answered here.
    async fn incoming(
        &mut self,
        message: Option<Result<AggregatedMessage, actix_ws::ProtocolError>>,
    ) -> Result<Incoming, Disconnected> {
        let message = match message {
            None => return Err(Disconnected),
            // Over-long, broken or unmasked: the conversation cannot go on.
            Some(Err(_)) => return Ok(Incoming::End(Close::BadRequest)),
            Some(Ok(message)) => message,
        };
        self.last_heard = Instant::now();
        let (size, now) = (self.sockets.directory.boards().node().sizes.of(Scope::WsFlood), clock::now());
        if let RateDecision::Wait(_) = self.flood.take(size.rate, size.burst, 1, now) {
            count_budget_hit(Scope::WsFlood);
            count_throttled(Scope::WsFlood, "closed");
            self.retry_after =
                self.caller.map(|who| self.sockets.directory.boards().node().shared_budgets.start_cooldown(who, now));
            return Ok(Incoming::End(Close::RateLimited));
        }
        let text = self.dialect != Dialect::MsgPack;
        Ok(match message {
            AggregatedMessage::Text(frame) if text => Incoming::Frame(frame.into_bytes()),
            AggregatedMessage::Binary(frame) if !text => Incoming::Frame(frame),
            AggregatedMessage::Text(_) | AggregatedMessage::Binary(_) => Incoming::End(Close::BadRequest),
            AggregatedMessage::Ping(bytes) => {
                self.control(false, &bytes).await?;
                Incoming::Control
            }
            AggregatedMessage::Pong(bytes) => {
                self.pings.record_pong(&bytes);
                Incoming::Control
            }
            AggregatedMessage::Close(reason) => return Err(self.answer_close(reason).await),
        })
    }

    /// Answers a client's goodbye with its own code.
    async fn answer_close(&mut self, reason: Option<CloseReason>) -> Disconnected {
        let reason = reason.map(|reason| CloseReason { code: reason.code, description: None });
        let _ = timeout(limits::BYE_DEADLINE, self.session.clone().close(reason)).await;
        Disconnected
    }

    /// Writes one frame, a long one in fragments. Almost always there is room.
    async fn write(&mut self, frame: Payload) -> Result<(), Disconnected> {
        if frame.len() > limits::WHOLE_FRAME {
            return Box::pin(self.write_in_fragments(frame)).await;
        }
        let out = Outgoing::Whole(frame.whole());
        let at_once = poll_fn(|cx| Poll::Ready(pin!(send(&mut self.session, out.clone())).poll(cx))).await;
        match at_once {
            Poll::Ready(sent) => sent.map_err(|_| Disconnected),
            Poll::Pending => Box::pin(self.wait_for_room(out)).await,
        }
    }

    async fn write_in_fragments(&mut self, frame: Payload) -> Result<(), Disconnected> {
        let size = (frame.len() / 16).clamp(*limits::FRAGMENT.start(), *limits::FRAGMENT.end());
        let mut left = frame.len();
        let (text, parts) = frame.into_parts();
        let mut first = true;
        for bytes in parts.into_iter().flat_map(|part| pieces(part, size)) {
            left -= bytes.len();
            let place = match (first, left) {
                (true, _) => FragmentPosition::First { text },
                (false, 1..) => FragmentPosition::Middle,
                (false, 0) => FragmentPosition::Last,
            };
            // What was begun is finished, also for a reader that was given up meanwhile: the bytes are shared, and only
            // after a whole message can it be told.
            let sent = timeout(limits::SILENCE_LIMIT, send(&mut self.session, Outgoing::Fragment(place, bytes))).await;
            sent.map_err(|_| Disconnected)?.map_err(|_| Disconnected)?;
            first = false;
            self.outbox.note_progress();
            // Lets the connection write this one before it is given the next.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The outbox may give the reader up meanwhile, or it takes nothing for so long that it is not there.
    async fn wait_for_room(&mut self, out: Outgoing) -> Result<(), Disconnected> {
        tokio::select! {
            sent = send(&mut self.session, out) => sent.map_err(|_| Disconnected),
            () = self.outbox.severed() => Ok(()),
            () = sleep(limits::SILENCE_LIMIT) => Err(Disconnected),
        }
    }

    /// Ends the connection from this side: whatever the outbox still holds goes first.
    async fn drain_and_close(&mut self, close: Close) -> Result<Close, Disconnected> {
        let bye = self.retry_after.map_or(ServerFrame::Bye(close), |wait| ServerFrame::ByeRetryAfter(close, wait));
        self.outbox.close(close, bye.encode(self.dialect));
        let saying = async {
            loop {
                let outbox = &self.outbox;
                match poll_fn(|cx| outbox.poll_next(cx)).await {
                    OutboxItem::Frame(frame) => self.send_frame(frame).await?,
                    OutboxItem::Latest(_) | OutboxItem::Drained => {}
                    OutboxItem::Close(close) => return Ok(close),
                }
            }
        };
        match timeout(limits::BYE_DEADLINE, saying).await {
            Ok(end) => end,
            // It may stand in the middle of a message now, so only the close frame can follow.
            Err(_) => Ok(close),
        }
    }

    /// The close frame, and a moment for the client to answer it.
    async fn send_close(mut self, close: Close) {
        // A reader that stopped is told as soon as it reads again; until then nothing but these two frames waits for it.
        let patience = if self.outbox.is_severed() { limits::TCP_USER_TIMEOUT } else { limits::BYE_DEADLINE };
        if self.outbox.is_severed()
            && let Some(bye) = ServerFrame::Bye(close).encode(self.dialect)
        {
            let _ = timeout(patience, send(&mut self.session, Outgoing::Whole(bye))).await;
        }
        let reason = CloseReason { code: CloseCode::Other(close.code()), description: Some(close.reason().to_owned()) };
        let closed = timeout(patience, self.session.close(Some(reason))).await;
        if matches!(closed, Ok(Ok(()))) {
            let messages = &mut self.messages;
            let _ = timeout(limits::BYE_DEADLINE, async { while let Some(Ok(_)) = messages.recv().await {} }).await;
        }
    }
}

/// A part in pieces of at most `size` bytes; none is copied.
fn pieces(mut part: bytes::Bytes, size: usize) -> impl Iterator<Item = bytes::Bytes> {
    std::iter::from_fn(move || (!part.is_empty()).then(|| part.split_to(size.min(part.len()))))
}

/// What is handed to a connection.
#[derive(Clone)]
enum Outgoing {
    Whole(Payload),
    Fragment(FragmentPosition, bytes::Bytes),
}

/// Which fragment of a message it is.
#[derive(Clone, Copy)]
enum FragmentPosition {
    First { text: bool },
    Middle,
    Last,
}

/// Hands something over; when this is dropped before it is done, nothing was.
async fn send(session: &mut Session, out: Outgoing) -> Result<(), actix_ws::Closed> {
    match out {
        Outgoing::Whole(Payload::Text(text)) => session.text(text).await,
        Outgoing::Whole(Payload::Binary(bytes)) => session.binary(bytes).await,
        Outgoing::Whole(Payload::Rope { parts, .. }) => session.binary(parts.concat()).await,
        Outgoing::Fragment(place, bytes) => {
            let item = match place {
                FragmentPosition::First { text: true } => Item::FirstText(bytes),
                FragmentPosition::First { text: false } => Item::FirstBinary(bytes),
                FragmentPosition::Middle => Item::Continue(bytes),
                FragmentPosition::Last => Item::Last(bytes),
            };
            session.continuation(item).await
        }
    }
}

enum Incoming {
    Frame(bytes::Bytes),
    Control,
    End(Close),
}
