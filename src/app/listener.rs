//! The public listener, with the socket options that its connections inherit.
//! Called by `app`. Never accepts: actix does.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use m4sh_domain::limits;

/// Connections that wait to be accepted: a class that reconnects at once must not be refused.
const BACKLOG: i32 = 4096;

/// Binds with a bounded send buffer, so that a stalled reader shows in its outbox and not only after megabytes in the
/// kernel, and with a limit on how long data may stay unacknowledged.
///
/// # Errors
/// When the address cannot be bound; the message names it.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).map_err(named)?;
    socket.set_reuse_address(true)?;
    socket.set_send_buffer_size(limits::SEND_BUFFER)?;
    socket.set_tcp_user_timeout(Some(limits::TCP_USER_TIMEOUT))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into()).map_err(named)?;
    socket.listen(BACKLOG).map_err(named)?;
    Ok(socket.into())
}
