//! `GET /logs/board-metrics/aggregate/?from&to&version`: percentiles by version and hour, for tutors.
//! Called by the route table. Never reads more than a month, and never shows what one person told.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::http::{
    fields::Faults,
    operation::{
        answer::Json,
        argument::{Argument, Call},
        context::Context,
        params::{Query, QueryParams},
        schemas::Moment,
        signature::Signature,
    },
    problem::Problem,
};
use m4sh_domain::limits::{AGGREGATE_DAYS, AGGREGATE_ROWS, CLIENT_WORD_CHARS};
use m4sh_store::{AccountRole, HourlyMetrics, MetricPercentiles};

/// Passes for tutors.
pub(super) struct TutorAccount;

impl Argument for TutorAccount {
    fn describe(signature: &mut Signature) {
        signature.errors.insert("forbidden");
    }

    async fn take(context: &mut Context) -> Result<Self, Problem> {
        let call = Call::take(context).await?;
        let is_tutor = &*call.services.must_exist(call.user).await?.role == AccountRole::Tutor.name();
        is_tutor.then_some(Self).ok_or(Problem::Forbidden("Only tutors may read what boards measured."))
    }
}

/// Percentiles by version and hour.
#[derive(Serialize, ToSchema)]
pub(super) struct AggregateResponse {
    #[schema(value_type = u64, minimum = 0, example = 1)]
    count: usize,
    from: Moment,
    results: Vec<HourOfMetricsResponse>,
    to: Moment,
    /// Whether there are more rows than one answer may have.
    #[schema(example = false)]
    truncated: bool,
}

/// One version in one hour.
#[derive(Serialize, ToSchema)]
struct HourOfMetricsResponse {
    #[schema(minimum = 0, example = 218)]
    count: u64,
    hour: Moment,
    input_latency_ms: PercentilesResponse,
    save_rtt_ms: PercentilesResponse,
    #[schema(required = true, example = "0.31.2")]
    version: Option<String>,
}

/// `null` where nothing was measured.
#[derive(Serialize, ToSchema)]
struct PercentilesResponse {
    #[schema(required = true, example = 38.0)]
    p50: Option<f64>,
    #[schema(required = true, example = 121.0)]
    p95: Option<f64>,
}

impl From<HourlyMetrics> for HourOfMetricsResponse {
    fn from(hour: HourlyMetrics) -> Self {
        let both = |of: MetricPercentiles| PercentilesResponse { p50: of.p50, p95: of.p95 };
        Self {
            count: hour.count,
            hour: Moment(hour.hour),
            input_latency_ms: both(hour.input_latency),
            save_rtt_ms: both(hour.save_rtt),
            version: hour.version,
        }
    }
}

/// Without `from` and `to`: the last day.
pub(super) async fn aggregate_board_metrics(
    call: Call,
    _: TutorAccount,
    Query(AggregateQuery { from, to, version }): Query<AggregateQuery>,
) -> Result<Json<AggregateResponse>, Problem> {
    let most = i64::try_from(AGGREGATE_ROWS + 1).unwrap_or(i64::MAX);
    let mut hours = call.services.store.board_metrics(from, to, version.as_deref(), most).await?;
    let truncated = hours.len() > AGGREGATE_ROWS;
    hours.truncate(AGGREGATE_ROWS);
    let results: Vec<_> = hours.into_iter().map(Into::into).collect();
    Ok(Json(AggregateResponse { count: results.len(), from: Moment(from), results, to: Moment(to), truncated }))
}

/// Which part of the metrics.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AggregateQuery {
    from: Timestamp,
    to: Timestamp,
    version: Option<String>,
}

impl QueryParams for AggregateQuery {
    fn describe(signature: &mut Signature) {
        let moment = json!({
            "type": "string",
            "format": "date-time",
            "description": "A moment in UTC, with microseconds.",
            "examples": ["2026-01-31T12:00:00.000000Z"],
        });
        let version = json!({
            "type": "string",
            "description": "A short word of a client, such as its version.",
            "maxLength": CLIENT_WORD_CHARS,
            "pattern": "^[^\\u0000]*$",
            "examples": ["0.31.2"],
        });
        signature.parameters.extend([
            json!({
                "name": "from", "in": "query", "required": false, "description": "The first moment.", "schema": moment,
                "example": "2026-01-31T00:00:00Z",
            }),
            json!({
                "name": "to", "in": "query", "required": false, "description": "The moment after the last.", "schema": moment,
                "example": "2026-02-01T00:00:00Z",
            }),
            json!({"name": "version", "in": "query", "required": false, "description": "Of the client.", "schema": version}),
        ]);
    }

    fn read(query: &str) -> Result<Self, Problem> {
        Self::at(query, Timestamp::now())
    }
}

impl AggregateQuery {
    fn at(query: &str, now: Timestamp) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let (mut from, mut to, mut version) = (None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            // A plus that was not escaped came here as a space.
            let mut time = |field| {
                let time = value.replace(' ', "+").parse::<Timestamp>().ok();
                if time.is_none() {
                    faults.add(field, "A time such as 2026-01-31T10:00:00Z is required.");
                }
                time
            };
            match &*name {
                "from" => from = time("from"),
                "to" => to = time("to"),
                "version" if value.chars().count() > CLIENT_WORD_CHARS || value.contains('\0') => {
                    faults.add("version", "No version is written like this.");
                }
                "version" if !value.is_empty() => version = Some(value.into_owned()),
                _ => {}
            }
        }
        faults.into_result()?;
        let day = SignedDuration::from_hours(24);
        let to = to.unwrap_or(now);
        let from = from.or_else(|| to.checked_sub(day).ok()).unwrap_or(to);
        let range = to.duration_since(from);
        if range <= SignedDuration::ZERO || range > day * i32::try_from(AGGREGATE_DAYS).unwrap_or(1) {
            let words = format!("Must be before `to`, and at most {AGGREGATE_DAYS} days before it.");
            return Err(Problem::Invalid(Faults::one("from", &words)));
        }
        Ok(Self { from, to, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn m7_the_range_of_an_aggregate_is_bounded_and_the_last_day_by_default() {
        let now = at("2026-03-31T10:00:00Z");
        let read = |query: &str| AggregateQuery::at(query, now);
        let last = read("").unwrap();
        assert_eq!((last.from, last.to, last.version), (at("2026-03-30T10:00:00Z"), now, None));
        let month = read("from=2026-03-01T00:00:00Z&to=2026-04-01T00%3A00%3A00Z&version=v1.2%2B7&_=5").unwrap();
        assert_eq!(month.version.as_deref(), Some("v1.2+7"));
        assert_eq!(read("from=2026-03-31T09:00:00+02:00").unwrap().from, at("2026-03-31T07:00:00Z"));
        let long = format!("version={}", "v".repeat(CLIENT_WORD_CHARS + 1));
        for wrong in [
            "from=yesterday",
            "to=",
            "from=2026-02-27T23:59:59Z",
            "from=2026-03-31T10:00:00Z",
            "from=2026-04-01T10:00:00Z",
            "from=-009999-01-01T00:00:00Z",
            "version=%00",
            &long,
        ] {
            assert_eq!(read(wrong).map_err(|problem| problem.status().as_u16()), Err(400), "{wrong}");
        }
    }
}
