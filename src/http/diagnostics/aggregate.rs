//! `GET /logs/board-metrics/aggregate/?from&to&version`: percentiles by version and hour, for tutors.
//! Called by the route table. Never reads more than a month, and never shows what one person told.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::http::{Services, extract::Signed, fields::Faults, problem::Problem, times};
use m4sh_domain::limits::{AGGREGATE_DAYS, AGGREGATE_ROWS, CLIENT_WORD_CHARS};
use m4sh_domain::rate::Scope;
use m4sh_store::{AccountRole, HourlyMetrics, MetricPercentiles};

/// See the module's words. Without `from` and `to`: the last day.
pub async fn aggregate(
    services: web::Data<Services>,
    request: HttpRequest,
    Signed(who): Signed,
) -> Result<HttpResponse, Problem> {
    services.limiter.check(Scope::ApiUser, who.user)?;
    if &*services.must_exist(who.user).await?.role != AccountRole::Tutor.name() {
        return Err(Problem::Forbidden("Only tutors may read what boards measured."));
    }
    let Asked { from, to, version } = Asked::read(request.query_string(), Timestamp::now())?;
    let most = i64::try_from(AGGREGATE_ROWS + 1).unwrap_or(i64::MAX);
    let mut hours = services.store.board_metrics(from, to, version.as_deref(), most).await?;
    let is_cut = hours.len() > AGGREGATE_ROWS;
    hours.truncate(AGGREGATE_ROWS);
    Ok(HttpResponse::Ok().json(json!({
        "from": times::utc_field(from),
        "to": times::utc_field(to),
        "count": hours.len(),
        "truncated": is_cut,
        "results": hours.iter().map(shown).collect::<Vec<_>>(),
    })))
}

fn shown(hour: &HourlyMetrics) -> Value {
    let both = |of: MetricPercentiles| json!({"p50": of.p50, "p95": of.p95});
    json!({
        "version": hour.version,
        "hour": times::utc_field(hour.hour),
        "count": hour.count,
        "save_rtt_ms": both(hour.save_rtt),
        "input_latency_ms": both(hour.input_latency),
    })
}

/// Which part of the metrics.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    from: Timestamp,
    to: Timestamp,
    version: Option<String>,
}

impl Asked {
    fn read(query: &str, now: Timestamp) -> Result<Self, Problem> {
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
        let read = |query: &str| Asked::read(query, now);
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
