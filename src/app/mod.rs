//! The composition root: the only place that knows every concrete type, and the order in which they start and stop.
//! Called by `main`. Never holds logic of a request or a board.

mod admin;
mod listener;
mod maintenance;
mod page;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use jiff::{SignedDuration, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::actors::boards::Boards;
use crate::actors::directory::Directory;
use crate::actors::journal::PostgresJournal;
use crate::actors::node::NodeContext;
use crate::actors::shard::Shard;
use crate::blobs::Blobs;
use crate::cluster::InProcessLeases;
use crate::config::Settings;
use crate::http::PagePushJob;
use crate::http::blobs::cors::{Origins, objects_cors};
use crate::http::cors::cors;
use crate::http::{
    Cookies, Envelope, EventLog, Ingest, MoreAreas, Policy, Readiness, RegistrationPolicy, RestRates, Services, Visits,
};
use crate::identity::{self, Authenticator, LinkSigner, Passwords, TrustedProxies, UserProfiles};
use crate::jobs::hooks::{Dispatcher, WebhookClient};
use crate::jobs::{Jobs, snapshots::SnapshotService};
use crate::objects::ObjectService;
use crate::ws::SocketContext;
use crate::{compat, config, demo, http, ws};
use m4sh_domain::budget::{self, BucketSizes};
use m4sh_domain::json::Value;
use m4sh_domain::limits;
use m4sh_domain::rate::Rates;
use m4sh_pg::Cluster;
use m4sh_store::{Store, migrate};

type StartError = Box<dyn std::error::Error>;

/// How long open requests may take when the server stops; sockets are closed before.
const SHUTDOWN_SECONDS: u64 = 3;

/// Runs the server until SIGTERM or SIGINT, then drains it: sockets are closed, boards are committed.
///
/// # Errors
/// Everything that prevents the start, as a message for the operator.
pub async fn serve(settings: Settings, metrics: PrometheusHandle) -> Result<(), StartError> {
    let database = Database::open(&settings).await?;
    let outcome = run(&settings, database.url(), metrics).await;
    database.close().await;
    outcome
}

/// Applies the migrations.
///
/// # Errors
/// When the database cannot be reached or a migration fails.
pub async fn migrate(settings: Settings) -> Result<(), StartError> {
    let database = Database::open(&settings).await?;
    let outcome = migrate::run(database.url()).await;
    database.close().await;
    match outcome?.as_slice() {
        [] => println!("the schema is up to date"),
        applied => applied.iter().for_each(|name| println!("applied {name}")),
    }
    Ok(())
}

/// Compares the journal of every board with its checkpoints; `false` when they differ.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(settings: Settings) -> Result<bool, StartError> {
    let database = Database::open(&settings).await?;
    let outcome = async {
        migrate::run(database.url()).await?;
        let store = Store::connect(database.url(), settings.pool_size).await?;
        verify::run(&store).await
    }
    .await;
    database.close().await;
    outcome.map_err(Into::into)
}

/// Runs one scheduled job now, or lists them; `false` when it fails.
///
/// # Errors
/// When there is no such job, or its parameters are no JSON object, or the database cannot be reached.
pub async fn job(settings: Settings, name: Option<String>, params: Option<String>) -> Result<bool, StartError> {
    let Some(name) = name else {
        maintenance::list();
        return Ok(true);
    };
    let database = Database::open(&settings).await?;
    let outcome = async {
        migrate::run(database.url()).await?;
        let store = Store::connect(database.url(), settings.pool_size).await?;
        let vault = ObjectService::new(store.clone(), Blobs::open(&settings.storage, &secret(&settings)?)?);
        maintenance::run_now(&settings, store, vault, &name, params.as_deref()).await
    }
    .await;
    database.close().await;
    outcome
}

/// Prints the budgets of sockets at these rates, as JSON or as a module for clients.
pub fn budgets(rates: &Rates, js: bool) {
    let sizes = BucketSizes::new(rates);
    if js {
        print!("{}", budget::script(&sizes));
    } else {
        println!("{}", String::from_utf8_lossy(&Value::Object(budget::json(&sizes)).to_canonical()));
    }
}

/// The database of this process: a given server, or the private cluster.
enum Database {
    Given(String),
    Managed(Cluster),
}

impl Database {
    async fn open(settings: &Settings) -> Result<Self, StartError> {
        match &settings.database_url {
            Some(url) => Ok(Self::Given(url.expose().to_owned())),
            None => Ok(Self::Managed(Cluster::start(&settings.data_dir).await?)),
        }
    }

    fn url(&self) -> &str {
        match self {
            Self::Given(url) => url,
            Self::Managed(cluster) => cluster.url(),
        }
    }

    async fn close(self) {
        if let Self::Managed(cluster) = self
            && let Err(error) = cluster.stop().await
        {
            tracing::error!(%error, "the private PostgreSQL did not stop, the next start adopts it");
        }
    }
}

async fn run(settings: &Settings, url: &str, metrics: PrometheusHandle) -> Result<(), StartError> {
    for name in migrate::run(url).await? {
        tracing::info!(migration = name, "schema migrated");
    }
    let store = Store::connect(url, settings.pool_size).await?;
    let secret = secret(settings)?;
    let vault = ObjectService::new(store.clone(), Blobs::open(&settings.storage, &secret)?);
    let recent = Timestamp::now() - SignedDuration::try_from(limits::ACCESS_TOKEN_LIFE)?;
    let authenticator = Arc::new(Authenticator::new(&secret, store.logins_ended_since(recent).await?));
    let links = Arc::new(LinkSigner::new(&secret, &settings.frontend_url));
    let people = UserProfiles::new(store.clone());
    let leases = Arc::new(InProcessLeases::default());
    let boards = Boards::new(Arc::new(NodeContext::new(leases, &settings.rates, settings.tick)));
    let directory = Directory::new(store.clone(), boards.clone());
    let jobs = Jobs::new(store.clone());
    let courier = Arc::new(WebhookClient::new(settings.maintenance.hooks.allow_private)?);
    let passwords = Passwords::new()?;
    let filled = if settings.demo { demo::fill(&store, &passwords).await? } else { None };

    let proxies = TrustedProxies::new(settings.trusted_proxies.clone());
    let sockets = web::Data::new(SocketContext::new(
        store.clone(),
        directory.clone(),
        authenticator.clone(),
        links.clone(),
        people.clone(),
        proxies.clone(),
        settings.rates.clone(),
    ));
    let ended = sockets.clone();
    authenticator.on_login_ended(move |login| ended.login_ended(login));
    let ended = sockets.clone();
    links.on_link_ended(move |link| ended.link_ended(link));
    actix_rt::spawn(sockets.clone().into_inner().watch_links());
    actix_rt::spawn(directory.clone().watch_erasures());
    let services = web::Data::new(Services {
        store: store.clone(),
        directory: directory.clone(),
        snapshots: SnapshotService::new(store.clone(), vault.clone()),
        jobs: jobs.clone(),
        webhooks: courier.clone(),
        authenticator,
        people,
        links,
        passwords,
        limiter: RestRates::new(settings.rates.clone()),
        events: EventLog::start(store.clone()),
        ingest: Ingest::start(store.clone()),
        visits: Visits::default(),
        proxies,
        readiness: Readiness::default(),
        objects: vault.clone(),
        public_url: settings.public_url.clone(),
        policy: policy(settings),
    });
    let listener = listener::bind(settings.bind)?;
    let address = listener.local_addr()?;
    let push = PagePushJob { directory: directory.clone(), store: store.clone() };
    let runner = maintenance::runner(settings, &store, &vault, jobs)?.with(push);
    let hooks = Dispatcher::new(store.clone(), courier, settings.maintenance.hooks.give_up);
    let (shards, origins, closing) = (boards.clone(), settings.cors_origins.clone(), services.clone());
    let object_origins = web::Data::new(Origins(origins.clone()));
    let server = HttpServer::new(move || {
        // Runs once on each worker's own thread, which becomes a shard (ADR 0002).
        shards.add_shard(Shard::start(Arc::new(PostgresJournal::new(store.clone()))));
        App::new()
            .wrap(cors(&origins))
            .wrap(from_fn(objects_cors))
            .wrap(Envelope)
            .app_data(object_origins.clone())
            .app_data(services.clone())
            .app_data(sockets.clone())
            .configure(ws::configure)
            .configure(compat::configure)
            .configure(page::configure)
            .configure(|routes| http::configure(routes, MoreAreas(compat::areas)))
    })
    .workers(settings.workers)
    .tcp_nodelay(true)
    .disable_signals()
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .listen(listener)?
    .run();
    let handle = server.handle();
    let serving = actix_rt::spawn(server);
    let admin = settings.admin_bind.map(|bind| admin::start(bind, metrics, directory.clone())).transpose()?;

    directory.boards().ready(Duration::from_secs(30)).await;
    // On this thread, which has no boards.
    let running = settings.maintenance.jobs.then(|| (runner.start(), hooks.start()));
    if let Some(filled) = &filled {
        page::announce(address, filled);
    }
    println!("m4sh {} listening on http://{address}", env!("CARGO_PKG_VERSION"));
    let stopped = tokio::select! {
        signal = stop_signal() => signal,
        ended = serving => return Err(format!("the server ended by itself: {ended:?}").into()),
    };
    tracing::info!(signal = stopped, "stopping, closing sockets and committing boards");
    closing.readiness.drain();
    let jobs = async {
        if let Some((runner, hooks)) = running {
            tokio::join!(runner.stop(), hooks.stop());
        }
    };
    tokio::join!(jobs, stop(&directory, handle, admin));
    tokio::join!(closing.events.flush(limits::EVENTS_FLUSH), closing.ingest.close(limits::CLIENT_EVENTS_FLUSH));
    Ok(())
}

/// The secret that signs access tokens and from which other keys are derived.
fn secret(settings: &Settings) -> Result<Vec<u8>, StartError> {
    Ok(match &settings.jwt_secret {
        Some(secret) => secret.expose().as_bytes().to_vec(),
        None => identity::load_or_create(&settings.data_dir)?,
    })
}

fn policy(settings: &Settings) -> Policy {
    Policy {
        registration: match settings.registration {
            config::RegistrationSetting::Open => RegistrationPolicy::Open,
            config::RegistrationSetting::Closed => RegistrationPolicy::Closed,
        },
        // The address of the web application shows whether clients use HTTPS.
        cookies: if settings.frontend_url.starts_with("https://") { Cookies::Secure } else { Cookies::Plain },
    }
}

async fn stop(directory: &Directory, server: ServerHandle, admin: Option<ServerHandle>) {
    let unfinished = directory.boards().drain().await;
    if unfinished > 0 {
        tracing::error!(boards = unfinished, "some boards could not be committed in time, no saved revision is lost");
    }
    server.stop(true).await;
    if let Some(admin) = admin {
        admin.stop(false).await;
    }
}

/// Waits for the first stop signal and returns its name.
async fn stop_signal() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        // Without a handler the signal ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}
