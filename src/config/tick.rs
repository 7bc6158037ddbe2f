//! The setting `tick_ms`. Read by `config`. Never decides how the tick follows the load: `actors::pace` does.

use std::time::Duration;

use serde::Deserialize;

/// A fixed cursor tick, or one that follows the load.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "TickValue")]
pub struct TickSetting(pub(super) Option<Duration>);

#[derive(Deserialize)]
#[serde(untagged)]
enum TickValue {
    Millis(u64),
    Word(String),
}

impl TryFrom<TickValue> for TickSetting {
    type Error = String;

    fn try_from(value: TickValue) -> Result<Self, String> {
        match value {
            TickValue::Millis(millis) => millis.to_string().parse(),
            TickValue::Word(word) => word.parse(),
        }
    }
}

impl std::str::FromStr for TickSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self(None));
        }
        match text.parse::<u64>() {
            Ok(millis) if (1..=1000).contains(&millis) => Ok(Self(Some(Duration::from_millis(millis)))),
            _ => Err(format!("`{text}` is no tick: write `auto` or 1 to 1000 milliseconds")),
        }
    }
}
