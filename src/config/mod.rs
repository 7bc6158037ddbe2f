//! Settings: flags, then environment, then the settings file, then defaults (SPEC O2).
//! Read once by `main`. Unknown keys of the file are refused; secrets do not print.

mod maintenance;
mod storage;
mod tick;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use serde::Deserialize;

use m4sh_domain::rate::{Rate, RateError, Rates, Scope};
use maintenance::JobInterval;
pub use maintenance::{MaintenanceSettings, WebhookSettings};
pub use storage::{BucketSettings, CdnSettings, StorageBackend, StorageSettings};
pub use tick::TickSetting;

/// Realtime classroom server with live whiteboards.
#[derive(Parser, Debug)]
#[command(name = "m4sh", version, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: RawSettings,
    /// A settings file in TOML; config/example.toml lists every key.
    #[arg(long, env = "M4SH_CONFIG", global = true)]
    config: Option<PathBuf>,
    /// Rate of one scope, such as `solo_diff=1000/min`; also M4SH_RATES_SOLO_DIFF. May be repeated.
    #[arg(long = "rate", value_name = "SCOPE=RATE", global = true)]
    rates: Vec<String>,
}

const AFTER_HELP: &str = "Every setting is a flag, an environment variable and a key of the settings file; a flag overrides the environment, \
which overrides the file. Without a database URL, m4sh runs a private PostgreSQL cluster in its data directory.";

/// What to do.
#[derive(Subcommand, Debug, Clone, PartialEq, Eq, Default)]
pub enum Command {
    /// Run the server (the default).
    #[default]
    Serve,
    /// Apply the migrations to the database and exit.
    Migrate,
    /// Compare the journal of every board with its checkpoints and exit; 1 if they differ.
    Verify,
    /// Draw one picture of a board: the child process of the server, not for direct use.
    #[command(hide = true)]
    Render,
    /// Print the budgets of sockets with the rates in force, as JSON.
    Budgets {
        /// As a JavaScript module for clients.
        #[arg(long)]
        js: bool,
    },
    /// Run one scheduled job now and print its result as JSON; exit 1 if it fails. Without a name: list them.
    Job {
        /// The job's name.
        name: Option<String>,
        /// Its parameters as a JSON object, such as `{"keep_last": 5}`.
        params: Option<String>,
    },
}

/// The settings as written; each is optional and has a default.
#[derive(Args, Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, default)]
struct RawSettings {
    /// Address to listen on; port 0 picks a free one [default: 127.0.0.1:8080].
    #[arg(long, env = "M4SH_BIND", global = true)]
    bind: Option<String>,
    /// Directory of the private PostgreSQL, secrets and files [default: ./data].
    #[arg(long, env = "M4SH_DATA_DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// URL of a PostgreSQL server; absent: the private one.
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true)]
    database_url: Option<String>,
    /// URL of a Redis server for several nodes; refused by this version.
    #[arg(long, env = "REDIS_URL", global = true, hide_env_values = true)]
    redis_url: Option<String>,
    /// Secret of access tokens (HS256), at least 32 bytes; absent: generated once and stored in the data directory.
    #[arg(long, env = "M4SH_JWT_SECRET", global = true, hide_env_values = true)]
    jwt_secret: Option<String>,
    /// Who may register: open or closed [default: open].
    #[arg(long, env = "M4SH_REGISTRATION", global = true)]
    registration: Option<RegistrationSetting>,
    /// Fill an empty database with a demo school.
    #[arg(long, env = "M4SH_DEMO", global = true, num_args = 0..=1, default_missing_value = "true",
          value_parser = clap::builder::BoolishValueParser::new())]
    demo: Option<bool>,
    /// Address of metrics and debug pages, or `off` [default: 127.0.0.1:9090].
    #[arg(long, env = "M4SH_ADMIN_BIND", global = true)]
    admin_bind: Option<String>,
    /// Address of the web application, for links [default: http://localhost:5173].
    #[arg(long, env = "FRONTEND_URL", global = true)]
    frontend_url: Option<String>,
    /// Origins that browsers may call from, separated by commas; `*` for any [default: the frontend's].
    #[arg(long, env = "M4SH_CORS_ORIGINS", value_delimiter = ',', global = true)]
    cors_origins: Option<Vec<String>>,
    /// Interval of cursor frames in milliseconds, or `auto` [default: auto].
    #[arg(long, env = "M4SH_TICK_MS", global = true)]
    tick_ms: Option<TickSetting>,
    /// Threads for sockets and boards [default: half of the cores, at least 1].
    #[arg(long, env = "M4SH_WORKERS", global = true)]
    workers: Option<usize>,
    /// Log format: human or json [default: human].
    #[arg(long, env = "M4SH_LOG", global = true)]
    log: Option<LogFormat>,
    /// URL of an OpenTelemetry collector (OTLP over HTTP), such as http://localhost:4318.
    #[arg(long, env = "M4SH_OTLP_ENDPOINT", global = true)]
    otlp_endpoint: Option<String>,
    /// Number of connections to PostgreSQL [default: 16].
    #[arg(long, env = "M4SH_POOL_SIZE", global = true)]
    pool_size: Option<u32>,
    /// Networks of the proxies in front, such as 127.0.0.1 or 10.0.0.0/8, whose X-Forwarded-* are trusted [default: none].
    #[arg(long, env = "M4SH_TRUSTED_PROXIES", value_delimiter = ',', global = true)]
    trusted_proxies: Option<Vec<String>>,
    /// Public address of this server, for links; absent: that of the request.
    #[arg(long, env = "M4SH_PUBLIC_URL", global = true)]
    public_url: Option<String>,
    /// Object store: local or s3 [default: local].
    #[arg(long, env = "SOLO_STORAGE_BACKEND", global = true)]
    storage_backend: Option<StorageBackend>,
    /// Folder of the local object store [default: blobs in the data directory].
    #[arg(long, env = "M4SH_STORAGE_DIR", global = true)]
    storage_dir: Option<PathBuf>,
    /// S3: access key id.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", global = true)]
    s3_access_key_id: Option<String>,
    /// S3: secret access key.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", global = true, hide_env_values = true)]
    s3_secret_access_key: Option<String>,
    /// S3: region; auto for R2 [default: eu-central-1].
    #[arg(long, env = "AWS_S3_REGION_NAME", global = true)]
    s3_region: Option<String>,
    /// S3: endpoint of R2 or another store; absent: Amazon's.
    #[arg(long, env = "AWS_S3_ENDPOINT_URL", global = true)]
    s3_endpoint_url: Option<String>,
    /// S3: endpoint for browsers, when it differs [default: the endpoint].
    #[arg(long, env = "M4SH_S3_PUBLIC_ENDPOINT_URL", global = true)]
    s3_public_endpoint_url: Option<String>,
    /// S3: bucket [default: solo-workspace].
    #[arg(long, env = "AWS_STORAGE_BUCKET_NAME", global = true)]
    s3_bucket: Option<String>,
    /// S3: whether the bucket is in the path instead of the host [default: true with an endpoint, else false].
    #[arg(long, env = "M4SH_S3_PATH_STYLE", global = true, num_args = 0..=1, default_missing_value = "true",
          value_parser = clap::builder::BoolishValueParser::new())]
    s3_path_style: Option<bool>,
    /// Domain of a CDN in front of the bucket. Used only with a signing key.
    #[arg(long, env = "SOLO_CDN_DOMAIN", global = true)]
    cdn_domain: Option<String>,
    /// Key that signs URLs of the CDN, at least 16 bytes.
    #[arg(long, env = "SOLO_CDN_SIGNING_KEY", global = true, hide_env_values = true)]
    cdn_signing_key: Option<String>,
    /// Whether this process runs jobs: the schedule, exports, thumbnails [default: true].
    #[arg(long, env = "M4SH_JOBS", global = true, num_args = 0..=1, default_missing_value = "true",
          value_parser = clap::builder::BoolishValueParser::new())]
    jobs: Option<bool>,
    /// Age of the newest snapshot after which a changed board gets another one, or `off` [default: 10min].
    #[arg(long, env = "M4SH_SNAPSHOT_EVERY", global = true)]
    snapshot_every: Option<JobInterval>,
    /// Snapshots kept of each board, besides pinned ones [default: 20].
    #[arg(long, env = "SOLO_SNAPSHOT_RETENTION_KEEP_LAST", global = true, allow_negative_numbers = true)]
    snapshot_keep_last: Option<i64>,
    /// Days that reports of clients are kept [default: 30].
    #[arg(long, env = "M4SH_CLIENT_EVENT_DAYS", global = true)]
    client_event_days: Option<u32>,
    /// Days that the event log is kept, except events of saves; 0 is for ever [default: 0].
    #[arg(long, env = "M4SH_EVENT_DAYS", global = true)]
    event_days: Option<u32>,
    /// Days that a lesson is kept after its end, with its boards, their history and its messages; 0 is for ever [default: 0].
    #[arg(long, env = "M4SH_LESSON_DAYS", global = true)]
    lesson_days: Option<u32>,
    /// Whether webhooks may use private addresses [default: false].
    #[arg(long, env = "M4SH_HOOKS_ALLOW_PRIVATE", global = true, num_args = 0..=1, default_missing_value = "true",
          value_parser = clap::builder::BoolishValueParser::new())]
    hooks_allow_private: Option<bool>,
    /// How long a receiver may fail before its webhook is paused [default: 24h].
    #[arg(long, env = "M4SH_HOOKS_GIVE_UP", global = true)]
    hooks_give_up: Option<JobInterval>,
    /// Rates by scope.
    #[arg(skip)]
    rates: std::collections::BTreeMap<String, String>,
}

/// Who may register.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationSetting {
    /// Anybody may register.
    #[default]
    Open,
    /// Nobody may register.
    Closed,
}

/// How to log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Readable lines.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// A text that `Debug` does not print.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub bind: SocketAddr,
    /// Where data lives.
    pub data_dir: PathBuf,
    /// The database, or `None` for the managed cluster.
    pub database_url: Option<Secret>,
    /// The token secret, or `None` for the one in the data directory.
    pub jwt_secret: Option<Secret>,
    /// Who may register.
    pub registration: RegistrationSetting,
    /// Whether to fill an empty database.
    pub demo: bool,
    /// Where metrics listen, or `None`.
    pub admin_bind: Option<SocketAddr>,
    /// The web application's address.
    pub frontend_url: String,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// A fixed tick interval, or `None`.
    pub tick: Option<Duration>,
    /// Threads for sockets and boards.
    pub workers: usize,
    /// How to log.
    pub log: LogFormat,
    /// The OpenTelemetry collector.
    pub otlp_endpoint: Option<String>,
    /// Connections to PostgreSQL.
    pub pool_size: u32,
    /// Networks whose X-Forwarded-* headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Public address of this server without a slash at the end; `None`: that of each request.
    pub public_url: Option<String>,
    /// The object store.
    pub storage: StorageSettings,
    /// Jobs, automatic snapshots and retention.
    pub maintenance: MaintenanceSettings,
    /// The rates in force.
    pub rates: Rates,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("settings file {0}: {1}")]
    Read(PathBuf, std::io::Error),
    /// The file is no settings file, or has an unknown key.
    #[error("settings file {0}: {1}")]
    Parse(PathBuf, toml::de::Error),
    /// A value is wrong.
    #[error("setting {0}: {1}")]
    Value(&'static str, String),
    /// A rate is wrong.
    #[error("rate of `{0}`: {1}")]
    Rate(String, RateError),
    /// A scope that does not exist.
    #[error("there is no rate scope `{0}`; there are: {1}")]
    Scope(String, String),
}

impl Cli {
    /// Whether this is a rendering process, which reads no settings at all.
    #[must_use]
    pub fn renders(&self) -> bool {
        self.command == Some(Command::Render)
    }

    /// The command, and the settings of flags, environment and file together.
    ///
    /// # Errors
    /// [`ConfigError`] names the wrong setting.
    pub fn resolve(
        self,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<(Command, Settings), ConfigError> {
        let file = self.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        let mut rates = Rates::default();
        for (scope, rate) in &file.rates {
            set_rate(&mut rates, scope, rate)?;
        }
        for (key, rate) in environment {
            if let Some(scope) = key.strip_prefix("M4SH_RATES_") {
                set_rate(&mut rates, &scope.to_ascii_lowercase(), &rate)?;
            }
        }
        for pair in &self.rates {
            let (scope, rate) = pair
                .split_once('=')
                .ok_or_else(|| ConfigError::Value("rate", format!("`{pair}` is not SCOPE=RATE")))?;
            set_rate(&mut rates, scope, rate)?;
        }
        let settings = settings(self.settings, file, rates)?;
        Ok((self.command.unwrap_or_default(), settings))
    }
}

fn read_file(path: &Path) -> Result<RawSettings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read(path.to_owned(), error))?;
    toml::from_str(&text).map_err(|error| ConfigError::Parse(path.to_owned(), error))
}

fn set_rate(rates: &mut Rates, scope: &str, rate: &str) -> Result<(), ConfigError> {
    let known = Scope::ALL.iter().find(|known| known.name() == scope).ok_or_else(|| {
        let names: Vec<&str> = Scope::ALL.iter().map(|scope| scope.name()).collect();
        ConfigError::Scope(scope.to_owned(), names.join(", "))
    })?;
    rates.set(*known, rate.parse::<Rate>().map_err(|error| ConfigError::Rate(scope.to_owned(), error))?);
    Ok(())
}

fn settings(mut cli: RawSettings, mut file: RawSettings, rates: Rates) -> Result<Settings, ConfigError> {
    let data_dir = cli.data_dir.take().or(file.data_dir.take()).unwrap_or_else(|| PathBuf::from("./data"));
    let storage = storage::resolve(&mut cli, &mut file, &data_dir)?;
    let upkeep = maintenance::resolve(&cli, &file)?;
    let address = |name, value: Option<String>, default: &str| {
        let text = value.unwrap_or_else(|| default.to_owned());
        text.parse::<SocketAddr>().map_err(|_| ConfigError::Value(name, format!("`{text}` is not ADDRESS:PORT")))
    };
    let admin = cli.admin_bind.or(file.admin_bind);
    let frontend_url = cli.frontend_url.or(file.frontend_url).unwrap_or_else(|| "http://localhost:5173".to_owned());
    let jwt_secret = cli.jwt_secret.or(file.jwt_secret);
    if jwt_secret.as_ref().is_some_and(|secret| secret.len() < 32) {
        return Err(ConfigError::Value(
            "jwt_secret",
            "needs at least 32 bytes: shorter ones can be guessed".to_owned(),
        ));
    }
    if cli.redis_url.or(file.redis_url).is_some() {
        let why = "several nodes are not served by this version; leave it out to run one";
        return Err(ConfigError::Value("redis_url", why.to_owned()));
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = cli.workers.or(file.workers).unwrap_or((cores / 2).max(1));
    let pool_size = cli.pool_size.or(file.pool_size).unwrap_or(16);
    if workers == 0 || workers > 256 {
        return Err(ConfigError::Value("workers", "needs 1 to 256".to_owned()));
    }
    if !(2..=500).contains(&pool_size) {
        return Err(ConfigError::Value("pool_size", "needs 2 to 500".to_owned()));
    }
    let public_url = cli.public_url.or(file.public_url).filter(|url| !url.is_empty());
    Ok(Settings {
        bind: address("bind", cli.bind.or(file.bind), "127.0.0.1:8080")?,
        data_dir,
        database_url: cli.database_url.or(file.database_url).filter(|url| !url.is_empty()).map(Secret),
        jwt_secret: jwt_secret.map(Secret),
        registration: cli.registration.or(file.registration).unwrap_or_default(),
        demo: cli.demo.or(file.demo).unwrap_or(false),
        admin_bind: match admin.as_deref() {
            Some("off") => None,
            _ => Some(address("admin_bind", admin, "127.0.0.1:9090")?),
        },
        cors_origins: cli.cors_origins.or(file.cors_origins).unwrap_or_else(|| vec![frontend_url.clone()]),
        frontend_url,
        tick: cli.tick_ms.or(file.tick_ms).and_then(|tick| tick.0),
        workers,
        log: cli.log.or(file.log).unwrap_or_default(),
        otlp_endpoint: cli.otlp_endpoint.or(file.otlp_endpoint).filter(|url| !url.is_empty()),
        pool_size,
        trusted_proxies: networks(cli.trusted_proxies.or(file.trusted_proxies).unwrap_or_default())?,
        public_url: public_url.map(|url| storage::http_url("public_url", &url)).transpose()?,
        storage,
        maintenance: upkeep,
        rates,
    })
}

/// Each is a network, or an address that is one of its own.
fn networks(texts: Vec<String>) -> Result<Vec<IpNet>, ConfigError> {
    let network = |text: &str| text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into()));
    let wrong = |text| ConfigError::Value("trusted_proxies", format!("`{text}` is no address and no network"));
    let named = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    named.map(|text| network(text).ok_or_else(|| wrong(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(args: &[&str], environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let cli = Cli::try_parse_from(std::iter::once("m4sh").chain(args.iter().copied())).expect("flags");
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        cli.resolve(environment).map(|(_, settings)| settings)
    }

    #[test]
    fn o2_a_flag_wins_over_the_environment_which_wins_over_the_default() {
        let set =
            resolve(&["--rate", "solo_diff=7/s"], &[("M4SH_RATES_SOLO_DIFF", "5/s"), ("M4SH_RATES_WS_OPS", "9/s")]);
        let rates = set.expect("settings").rates;
        assert_eq!(rates.of(Scope::SoloDiff), Rate::per_second(7));
        assert_eq!(rates.of(Scope::WsOps), Rate::per_second(9));
        assert_eq!(rates.of(Scope::SoloStream), Scope::SoloStream.default_rate());
    }

    #[test]
    fn o3_wrong_settings_are_refused_with_the_name_of_the_setting() {
        for (args, word) in [
            (&["--bind", "nowhere"][..], "bind"),
            (&["--jwt-secret", "short"], "jwt_secret"),
            (&["--rate", "nothing=1/s"], "nothing"),
            (&["--rate", "ws_ops=0/s"], "ws_ops"),
            (&["--redis-url", "redis://x"], "redis_url"),
            (&["--trusted-proxies", "10.0.0.0/8,nginx"], "trusted_proxies"),
            (&["--public-url", "class.example.org"], "public_url"),
            (&["--storage-backend", "s3"], "s3_access_key_id"),
        ] {
            let error = resolve(args, &[]).expect_err(word);
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn u7_no_proxy_is_trusted_unless_it_is_named() {
        let trusted = |args: &[&str]| resolve(args, &[]).expect("settings").trusted_proxies;
        assert!(trusted(&[]).is_empty());
        let named = trusted(&["--trusted-proxies", "127.0.0.1, 10.0.0.0/8,::1"]);
        assert_eq!(named.iter().map(IpNet::to_string).collect::<Vec<_>>(), ["127.0.0.1/32", "10.0.0.0/8", "::1/128"]);
    }

    #[test]
    fn o4_the_example_lists_every_key_and_each_of_them_can_be_set() {
        let example = include_str!("../../config/example.toml").replace("#? ", "");
        let raw = toml::from_str::<RawSettings>(&example).expect("every line that can be turned on is a setting");
        for scope in Scope::ALL {
            assert_eq!(raw.rates.get(scope.name()), Some(&scope.default_rate().to_string()), "{}", scope.name());
        }
        // `Debug` names the fields; one that the example leaves out would read `None`.
        let unset = format!("{raw:?}").matches(": None").count();
        assert_eq!(unset, 0, "{raw:?}");
    }

    #[test]
    fn o3_an_unknown_key_of_the_file_is_refused() {
        assert!(toml::from_str::<RawSettings>("bnid = '127.0.0.1:1'").is_err());
        let raw = toml::from_str::<RawSettings>("tick_ms = 33\n[rates]\nws_cursor = '30/s'").expect("file");
        assert_eq!(raw.tick_ms, Some(TickSetting(Some(Duration::from_millis(33)))));
    }
}
