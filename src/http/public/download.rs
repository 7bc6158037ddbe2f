//! `GET /solo/public/{token}/download/`: a shared board as a file, where its owner allows that (SPEC L13, E43).
//! Called by the route table. Never takes a view: whoever sees the page has taken one already.

use std::{borrow::Cow, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::Method,
    http::header::{self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue},
    web,
};
use metrics::counter;
use serde::Serialize;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::{
    TokenPath, gone, opened,
    shown::{self, Unlisted},
};
use crate::{
    http::{
        Services,
        extract::{ClientOrigin, PublicBase},
        operation::{
            Operation,
            answer::{Accepted, Answer, Json, Redirect},
            get,
            params::{Param, Path, Query, Unescaped, query_params},
            schemas::Moment,
            signature::{Schemas, Signature, Success},
            with_state::WithState,
        },
        problem::Problem,
        solo::exports::{self, Download, ExportFormatResponse},
    },
    jobs::ExportFormat,
};
use m4sh_domain::rate::Scope;
use m4sh_store::LiveLink;

/// The download.
pub(super) fn operation() -> Operation {
    get("/solo/public/{token}/download", "public_download", public_download)
        .about("Download a shared board", "Where its owner allows that. A picture is made once for each revision.")
        .answers(&[
            "The JSON file.",
            "The picture is being made: come back after `Retry-After` seconds.",
            "The picture.",
        ])
        .errors(&["share_link_invalid", "forbidden", "invalid_format", "session_too_large", "export_failed"])
        .rate(Scope::SoloAnon)
}

/// The name of a format, looked at when the link is known to allow downloads.
struct FormatName(String);

impl Param for FormatName {
    fn parse(text: &str) -> Result<Self, Cow<'static, str>> {
        Unescaped::parse(text).map(|text| Self(text.0))
    }

    fn schema(_: &mut Signature) -> serde_json::Value {
        // Only our own types are in it, and their keys are texts.
        serde_json::to_value(ExportFormatResponse::schema()).unwrap_or_default()
    }
}

query_params! {
    /// What to download.
    struct DownloadQuery {
        /// A JSON file unless said otherwise.
        format: FormatName,
        /// Of the public page: opens a link whose views are all taken to those who took one.
        ticket: Unescaped,
    }
}

/// A board as a file.
#[derive(Serialize, ToSchema)]
struct BoardFileResponse {
    id: Uuid,
    #[schema(example = "План уроку: параболи")]
    name: String,
    #[schema(minimum = 1)]
    page_count: u32,
    #[schema(minimum = 0, example = 7)]
    rev: u64,
    created_at: Moment,
}

/// A picture on its way.
#[derive(Serialize, ToSchema)]
struct MakingResponse {
    #[schema(example = "processing", pattern = "^processing$")]
    status: &'static str,
}

/// What a download may be answered with.
enum DownloadAnswer {
    /// The JSON file.
    File(ContentDisposition, Json<WithState<BoardFileResponse>>),
    /// A picture that is still being made.
    Later(Duration),
    /// A picture.
    Ready(Redirect),
    /// That there would be a file.
    Head(ExportFormat),
}

impl Answer for DownloadAnswer {
    fn describe(schemas: &mut Schemas) -> Vec<Success> {
        let mut successes = Json::<WithState<BoardFileResponse>>::describe(schemas);
        successes.extend(Accepted::<MakingResponse>::describe(schemas));
        successes.extend(Redirect::describe(schemas));
        successes[0].headers.push(("Content-Disposition", "Its name.", "string"));
        successes[1].headers.push(("Retry-After", "Seconds.", "integer"));
        successes
    }

    fn respond(self) -> Result<HttpResponse, Problem> {
        match self {
            Self::File(name, file) => with_header(file.respond()?, name),
            Self::Later(wait) => with_header(
                Accepted(MakingResponse { status: "processing" }).respond()?,
                (header::RETRY_AFTER, wait.as_secs()),
            ),
            Self::Ready(redirect) => redirect.respond(),
            Self::Head(format) => Ok(HttpResponse::Ok().content_type(format.media_type()).finish()),
        }
    }
}

fn with_header(mut response: HttpResponse, header: impl header::TryIntoHeaderPair) -> Result<HttpResponse, Problem> {
    let pair = header.try_into_pair().map_err(|_| Problem::Internal("a header cannot be written".to_owned()))?;
    response.headers_mut().insert(pair.0, pair.1);
    Ok(response)
}

/// The file. Counted when it is certain that it can be given.
async fn public_download(
    Path(TokenPath { token }): Path<TokenPath>,
    Query(DownloadQuery { format, ticket }): Query<DownloadQuery>,
    from: ClientOrigin,
    address: PublicBase,
    request: HttpRequest,
    services: web::Data<Services>,
) -> Result<Unlisted<DownloadAnswer>, Problem> {
    let ticket = ticket.map(|ticket| ticket.0);
    let link = opened(&services, &token, ticket.as_deref()).await?;
    if !link.allow_download {
        return Err(Problem::Forbidden("The owner of this board does not allow downloads."));
    }
    let format = format.map_or(Some(ExportFormat::Json), |format| ExportFormat::from_name(&format.0));
    let format = format.ok_or(Problem::InvalidFormat)?;
    // Nothing is made, and nothing counted, for who only asks whether there is something.
    if *request.method() == Method::HEAD {
        return Ok(Unlisted(DownloadAnswer::Head(format)));
    }
    let answer = if format == ExportFormat::Json {
        json_file(&services, &link).await?
    } else {
        drawn(&services, &link, &address, format).await?
    };
    if !matches!(answer, DownloadAnswer::Later(_)) {
        if !services.store.count_download(link.id, &from.origin).await? {
            return Err(Problem::DeadLink);
        }
        counter!("m4sh_share_downloads_total").increment(1);
    }
    Ok(Unlisted(answer))
}

/// A picture is made once for each revision; whoever asks for it is sent to it, or told to come back.
async fn drawn(
    services: &Services,
    link: &LiveLink,
    address: &PublicBase,
    format: ExportFormat,
) -> Result<DownloadAnswer, Problem> {
    let made = exports::for_link(services, address, link.board, format).await.map_err(|error| match error {
        Problem::NotFound => Problem::DeadLink,
        other => other,
    })?;
    Ok(match made {
        Download::Ready { url } => DownloadAnswer::Ready(Redirect(url)),
        Download::Later { wait } => DownloadAnswer::Later(wait),
    })
}

async fn json_file(services: &Services, link: &LiveLink) -> Result<DownloadAnswer, Problem> {
    let board = services.store.shared_board(link.board).await?.ok_or(Problem::DeadLink)?;
    let view = services.directory.boards().read_shared(link.board).await.map_err(gone)?;
    let head = BoardFileResponse {
        id: link.board.0,
        page_count: shown::page_count(&board, &view),
        rev: view.rev.0,
        created_at: Moment(board.created_at),
        name: board.name.clone(),
    };
    Ok(DownloadAnswer::File(attachment(&board.name, "json"), Json(WithState { head, state: view.state })))
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
