//! Switchboards and who takes turns on them: the same fields make one and change one.

use crate::model::{Id, Integration, SwitchboardIntegration};
use crate::wire::Invalid;
use crate::wire::given::{Given, document};

/// Characters of a name.
const NAME_MAX: usize = 128;

/// Messages that somebody can be shown.
const HISTORY: std::ops::RangeInclusive<i64> = 1..=10;

/// `PATCH …/switchboards/{switchboard}`: what is unset keeps its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchboardFields {
    /// Whether turns are taken.
    pub enabled: Option<bool>,
    /// Who leads where nobody was given the lead.
    pub default: Option<Id<SwitchboardIntegration>>,
}

impl SwitchboardFields {
    /// Reads a request's body.
    pub fn parse(body: &[u8]) -> Result<SwitchboardFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        Ok(SwitchboardFields {
            enabled: given.optional("enabled", Given::flag)?,
            default: given.optional("defaultSwitchboardIntegrationId", id)?,
        })
    }
}

/// `POST …/switchboardIntegrations` and `PATCH …/switchboardIntegrations/{switchboardIntegration}`: what is unset keeps
/// its value, or gets its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatFields {
    /// What it is called.
    pub name: Option<String>,
    /// The integration's id, or its type: never both.
    pub integration: Option<Result<Id<Integration>, String>>,
    /// Whether it hears what is said while others lead.
    pub standby: Option<bool>,
    /// Whom it passes to: not said, nobody, or somebody.
    pub next: Option<Option<Id<SwitchboardIntegration>>>,
    /// How many messages it is shown: not said, none, or so many.
    pub history: Option<Option<usize>>,
}

impl SeatFields {
    /// Reads the body of a request that makes one.
    pub fn parse_new(body: &[u8]) -> Result<SeatFields, Invalid> {
        let document = document(body)?;
        let given = Given::root(&document);
        given.required("name", |_| Ok(()))?;
        let fields = SeatFields::read(&given)?;
        if fields.integration.is_none() {
            return Err(given.refuse_member("integrationId", crate::wire::MISSING));
        }
        Ok(fields)
    }

    /// Reads the body of a request that changes one.
    pub fn parse(body: &[u8]) -> Result<SeatFields, Invalid> {
        let document = document(body)?;
        SeatFields::read(&Given::root(&document))
    }

    fn read(given: &Given<'_>) -> Result<SeatFields, Invalid> {
        Ok(SeatFields {
            name: given.optional("name", name)?,
            integration: integration(given)?,
            standby: given.optional("deliverStandbyEvents", Given::flag)?,
            next: clearable(given, "nextSwitchboardIntegrationId", id)?,
            history: clearable(given, "messageHistoryCount", count)?,
        })
    }
}

/// Not said, cleared by null, or set.
fn clearable<T>(
    given: &Given<'_>,
    key: &str,
    read: fn(&Given<'_>) -> Result<T, Invalid>,
) -> Result<Option<Option<T>>, Invalid> {
    let is_said = given.object()?.contains_key(key);
    let value = given.optional(key, |value| read(value))?;
    Ok(is_said.then_some(value))
}

fn integration(given: &Given<'_>) -> Result<Option<Result<Id<Integration>, String>>, Invalid> {
    let by_id = given.optional("integrationId", id)?;
    let by_type = given.optional("integrationType", |kind| Ok(kind.text()?.to_owned()))?;
    match (by_id, by_type) {
        (Some(_), Some(_)) => {
            Err(given.refuse_member("integrationType", "must not stand beside integrationId"))
        }
        (Some(id), None) => Ok(Some(Ok(id))),
        (None, Some(kind)) => Ok(Some(Err(kind))),
        (None, None) => Ok(None),
    }
}

fn id<T>(given: &Given<'_>) -> Result<Id<T>, Invalid> {
    given.text().map(Id::new)
}

fn name(given: &Given<'_>) -> Result<String, Invalid> {
    let name = given.filled_within(NAME_MAX)?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if name.bytes().all(is_plain) {
        return Ok(name);
    }
    Err(given.refuse("must consist of letters, digits, _ and -"))
}

fn count(given: &Given<'_>) -> Result<usize, Invalid> {
    let count = Some(given.integer()?).filter(|count| HISTORY.contains(count));
    let count = count.and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| given.refuse("must lie between 1 and 10"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn new(body: Value) -> Result<SeatFields, String> {
        SeatFields::parse_new(body.to_string().as_bytes()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_switchboard_integration_has_a_name_and_one_integration() {
        let fields = new(json!({"name": "bot-1", "integrationId": "i", "messageHistoryCount": 10}));
        let expected = SeatFields {
            name: Some("bot-1".into()),
            integration: Some(Ok(Id::new("i"))),
            standby: None,
            next: None,
            history: Some(Some(10)),
        };
        assert_eq!(fields, Ok(expected));
        let long = "x".repeat(129);
        for (body, refused) in [
            (json!({}), "name: is required"),
            (json!({"name": "a"}), "integrationId: is required"),
            (
                json!({"name": "a", "integrationId": "i", "integrationType": "twilio"}),
                "integrationType: must not stand beside integrationId",
            ),
            (json!({"name": "", "integrationId": "i"}), "name: must not be empty"),
            (json!({"name": "a b", "integrationId": "i"}), "name: must consist of letters, digits, _ and -"),
            (
                json!({"name": "\u{e4}", "integrationId": "i"}),
                "name: must consist of letters, digits, _ and -",
            ),
            (json!({"name": long, "integrationId": "i"}), "name: must not be longer than 128 characters"),
            (
                json!({"name": "a", "integrationId": "i", "messageHistoryCount": 11}),
                "messageHistoryCount: must lie between 1 and 10",
            ),
            (
                json!({"name": "a", "integrationId": "i", "messageHistoryCount": 0}),
                "messageHistoryCount: must lie between 1 and 10",
            ),
            (
                json!({"name": "a", "integrationId": "i", "deliverStandbyEvents": "no"}),
                "deliverStandbyEvents: must be true or false",
            ),
        ] {
            assert_eq!(new(body), Err(refused.to_owned()));
        }
    }

    #[test]
    fn absent_stays_and_null_goes() {
        let body = br#"{"nextSwitchboardIntegrationId":null,"messageHistoryCount":null,"name":null}"#;
        let fields = SeatFields::parse(body).expect("a change");
        assert_eq!((fields.name, fields.next, fields.history), (None, Some(None), Some(None)));
        let fields = SeatFields::parse(b"{}").expect("a change");
        assert_eq!((fields.next, fields.history, fields.integration), (None, None, None));
    }
}
