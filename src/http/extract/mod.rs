//! What a request has proven or said before its handler runs; a handler's signature lists it.
//! Called by the web framework for the handlers' arguments. Never asks the database.

mod base;
mod idempotency;
mod origin;
mod paging;
mod signed;

pub use base::{base_required, base_when_given};
pub use idempotency::{idempotency_key, key_of_text};
pub use origin::{ClientOrigin, PublicBase, client_address, requested_host};
pub use paging::{PageResponse, Paging};
pub use signed::Signed;

use actix_web::{HttpRequest, web};

use super::{Services, problem::Problem};

/// The process' services, which every route needs.
pub(super) fn services(request: &HttpRequest) -> Result<&web::Data<Services>, Problem> {
    request.app_data::<web::Data<Services>>().ok_or_else(|| Problem::Internal("the services are not there".to_owned()))
}
