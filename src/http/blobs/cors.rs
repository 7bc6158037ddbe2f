//! Who may read objects from a page of another origin (SPEC V5): the configured origins, without cookies,
//! since the URL itself is the permission. Wrapped around the API's CORS by `app`, which it keeps from these paths.

use actix_web::{
    Error, HttpResponse,
    body::{EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method,
        header::{self, HeaderMap, HeaderValue},
    },
    middleware::Next,
    web,
};

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const SENT: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Encoding, Range, Content-Type, If-None-Match, If-Range");
const READ: HeaderValue = HeaderValue::from_static("Content-Length, Content-Range, ETag");
const REMEMBERED: HeaderValue = HeaderValue::from_static("86400");

/// The origins that may, as settings have them; `*` is any.
#[derive(Clone, Debug)]
pub struct Origins(pub Vec<String>);

impl Origins {
    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        if self.0.iter().any(|known| known == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        origin.filter(|origin| self.0.iter().any(|known| known.as_bytes() == origin.as_bytes())).cloned()
    }
}

/// The middleware.
///
/// # Errors
/// What the routes behind it make.
pub async fn objects_cors<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    if !request.path().starts_with("/blobs/") {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    let origin = request.headers_mut().remove(header::ORIGIN).next();
    let allowed = request.app_data::<web::Data<Origins>>().and_then(|origins| origins.allowed(origin.as_ref()));
    let asks_first = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut answer = if request.method() == Method::OPTIONS && asks_first {
        let mut answer = HttpResponse::NoContent().finish();
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        request.into_response(answer).map_into_right_body()
    } else {
        next.call(request).await?.map_into_left_body()
    };
    permit(answer.headers_mut(), allowed);
    Ok(answer)
}

fn permit(headers: &mut HeaderMap, allowed: Option<HeaderValue>) {
    // The API's CORS behind this speaks of cookies, which are of no use here.
    headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(allowed) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    }
}
