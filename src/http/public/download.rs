//! `GET /solo/public/{token}/download/`: a shared board as a file, where its owner allows that.
//! Called by the route table. Never takes a view: whoever sees the page has paid for it already.

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    http::header::{self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue},
    web,
};
use metrics::counter;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Token, gone, opened, shown};
use crate::{
    actors::messages::BoardView,
    http::{
        Services,
        extract::{ClientOrigin, PublicBase},
        problem::Problem,
        solo::{
            detail,
            exports::{self, Download},
        },
        times,
    },
    jobs::ExportFormat,
};
use m4sh_domain::{ids::BoardId, rate::Scope};
use m4sh_store::{LiveLink, SharedBoard};

/// What is asked for.
#[derive(Deserialize)]
pub struct Wanted {
    format: Option<String>,
    /// Of the public page: opens a link whose views are all taken to those who took one.
    ticket: Option<String>,
}

/// What the file says of the board beside its state.
#[derive(Serialize)]
struct Head<'a> {
    id: BoardId,
    name: &'a str,
    page_count: u32,
    rev: u64,
    created_at: String,
}

/// The file. Counted when it is certain that it can be given.
pub async fn file(
    services: web::Data<Services>,
    request: HttpRequest,
    path: Token,
    wanted: web::Query<Wanted>,
    from: ClientOrigin,
    address: PublicBase,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::SoloAnon, from.address)?;
    let link = opened(&services, &path.0, wanted.ticket.as_deref()).await?;
    if !link.allow_download {
        return Err(Problem::Forbidden("The owner of this board does not allow downloads."));
    }
    let named = wanted.format.as_deref().unwrap_or("json");
    let format = ExportFormat::from_name(named).ok_or(Problem::InvalidFormat)?;
    // Nothing is made, and nothing counted, for who only asks whether there is something.
    if *request.method() == Method::HEAD {
        return Ok(shown::guarded(HttpResponse::Ok()).content_type(format.media_type()).finish());
    }
    if format != ExportFormat::Json {
        return drawn(&services, &link, &from, &address, format).await;
    }
    let card = services.store.shared_board(link.board).await?.ok_or(Problem::DeadLink)?;
    let view = services.directory.boards().read_shared(link.board).await.map_err(gone)?;
    if !services.store.count_download(link.id, &from.origin).await? {
        return Err(Problem::DeadLink);
    }
    counter!("m4sh_share_downloads_total").increment(1);
    Ok(json_file(&link, &card, &view))
}

/// A picture is made once for each revision; whoever asks for it is sent to it, or told to come back.
async fn drawn(
    services: &Services,
    link: &LiveLink,
    from: &ClientOrigin,
    address: &PublicBase,
    format: ExportFormat,
) -> Result<HttpResponse, Problem> {
    let made = exports::for_link(services, address, link.board, format).await.map_err(|error| match error {
        Problem::NotFound => Problem::DeadLink,
        other => other,
    })?;
    let url = match made {
        Download::Ready { url } => url,
        Download::Later { wait } => {
            return Ok(shown::guarded(HttpResponse::Accepted())
                .insert_header((header::RETRY_AFTER, wait.as_secs()))
                .json(json!({ "status": "processing" })));
        }
    };
    if !services.store.count_download(link.id, &from.origin).await? {
        return Err(Problem::DeadLink);
    }
    counter!("m4sh_share_downloads_total").increment(1);
    Ok(shown::guarded(HttpResponse::Found()).insert_header((header::LOCATION, url)).finish())
}

fn json_file(link: &LiveLink, card: &SharedBoard, view: &BoardView) -> HttpResponse {
    let head = Head {
        id: link.board,
        name: &card.name,
        page_count: shown::page_count(card, view),
        rev: view.rev.0,
        created_at: times::utc_field(card.created_at),
    };
    shown::guarded(HttpResponse::Ok())
        .content_type("application/json")
        .insert_header(attachment(&card.name, "json"))
        .body(detail::splice(&head, &view.state))
}

/// Under the board's name, where the browser knows how to read it.
fn attachment(name: &str, extension: &str) -> ContentDisposition {
    let value = format!("{name}.{extension}").into_bytes();
    ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![
            DispositionParam::Filename(format!("board.{extension}")),
            DispositionParam::FilenameExt(ExtendedValue {
                charset: Charset::Ext("UTF-8".into()),
                language_tag: None,
                value,
            }),
        ],
    }
}
