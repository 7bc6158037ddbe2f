//! The cryptography of outgoing TLS: ring, for webhooks, the object store and traces.
//! Called before the first HTTP client is built. Never accepts connections: TLS of the server is the proxy's.

/// Makes ring the provider of the process. Further calls have no effect.
pub fn install_provider() {
    // An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
