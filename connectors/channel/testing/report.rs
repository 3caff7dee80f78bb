//! What a channel made of a case: as JSON for the expected files, as sentences for people.

use serde_json::{Map, Value, json};

use super::super::{
    Accepted, ChannelError, Connected, Content, Fate, InboundEvent, InboundMessage, Media, MediaSource,
    Person, Receipt, Scope, Stage, Verdict, signature,
};

/// An event, its kind under `event`. What is not there is left out.
pub(super) fn event(event: &InboundEvent) -> Value {
    let value = match event {
        InboundEvent::Message(message) => self::message(message),
        InboundEvent::Postback { provider_id, from, payload } => json!({
            "event": "postback", "providerId": provider_id, "from": from, "payload": payload,
        }),
        InboundEvent::Receipt(Receipt { reference, provider_id, stage, status }) => {
            let (stage, error) = match stage {
                Stage::Accepted => ("accepted", None),
                Stage::Delivered => ("delivered", None),
                Stage::Read => ("read", None),
                Stage::Failed(error) => ("failed", Some(error_object(error))),
            };
            json!({
                "event": "receipt", "reference": reference, "providerId": provider_id, "stage": stage,
                "status": status, "error": error,
            })
        }
        InboundEvent::OptOut { from } => json!({"event": "optOut", "from": from}),
        InboundEvent::OptIn { from } => json!({"event": "optIn", "from": from}),
        InboundEvent::Typing { from, started } => {
            json!({"event": "typing", "from": from, "started": started})
        }
        InboundEvent::Reached { from, up_to } => json!({"event": "reached", "from": from, "upTo": up_to}),
        InboundEvent::Read { from, up_to } => json!({"event": "read", "from": from, "upTo": up_to}),
        InboundEvent::Referral { provider_id, from, code, details } => {
            json!({
                "event": "referral", "providerId": provider_id, "from": from, "code": code, "details": details,
            })
        }
        InboundEvent::Unrecognised { kind } => json!({"event": "unrecognised", "kind": kind}),
    };
    without_nulls(value)
}

fn message(message: &InboundMessage) -> Value {
    let InboundMessage { provider_id, from, content, at, payload, media, thread, quoted } = message;
    let media = media.as_ref().map(|source| match source {
        MediaSource::Held(name) => json!({"held": name}),
        MediaSource::Enclosed(media) => json!({"enclosed": file(media)}),
    });
    json!({
        "event": "message", "providerId": provider_id, "from": from, "content": content, "at": at,
        "payload": payload, "media": media, "thread": thread, "quoted": quoted,
    })
}

/// A file: its size and hash stand for its content.
fn file(media: &Media) -> Value {
    without_nulls(json!({
        "size": media.bytes.len(), "sha256": hex::encode(signature::sha256(&media.bytes)),
        "mediaType": media.media_type, "name": media.name,
    }))
}

/// An event as a line for people.
pub(super) fn sentence(event: &InboundEvent) -> String {
    let by = |from: &Person| from.address.clone();
    let sentence = match event {
        InboundEvent::Message(message) => {
            let InboundMessage { provider_id, from, content, .. } = &**message;
            format!("message {provider_id} from {}: {}", by(from), gist(content))
        }
        InboundEvent::Postback { from, payload, .. } => format!("{} pressed `{payload}`", by(from)),
        InboundEvent::Receipt(receipt) => receipt_sentence(receipt),
        InboundEvent::OptOut { from } => format!("{} wants no more messages", by(from)),
        InboundEvent::OptIn { from } => format!("{} wants messages again", by(from)),
        InboundEvent::Typing { from, started: true } => format!("{} is typing", by(from)),
        InboundEvent::Typing { from, started: false } => format!("{} stopped typing", by(from)),
        InboundEvent::Reached { from, up_to } => format!("{} was reached up to {up_to}", by(from)),
        InboundEvent::Read { from, up_to } => format!("{} has read everything up to {up_to}", by(from)),
        InboundEvent::Referral { from, code, .. } => format!("{} came through `{code}`", by(from)),
        InboundEvent::Unrecognised { kind } => format!("unrecognised: {kind}"),
    };
    format!("{sentence}\n")
}

fn receipt_sentence(receipt: &Receipt) -> String {
    let about = receipt.reference.as_ref().or(receipt.provider_id.as_ref());
    let about = about.map_or("an unnamed message", String::as_str);
    match &receipt.stage {
        Stage::Accepted => format!("{about} is on its way ({})", receipt.status),
        Stage::Delivered => format!("{about} was delivered"),
        Stage::Read => format!("{about} was read"),
        Stage::Failed(error) => format!("{about} failed ({}): {error}", receipt.status),
    }
}

fn gist(content: &Content) -> String {
    match content {
        Content::Text { text, .. } => format!("{text:?}"),
        Content::Image { media_url, .. } | Content::File { media_url, .. } => {
            format!("{} {media_url}", content.kind())
        }
        other => other.kind().to_owned(),
    }
}

/// What became of a message's pieces: the ids of those accepted, and the error that ended it.
pub(super) fn outcome(accepted: &[Accepted], error: Option<&ChannelError>) -> Value {
    let ids: Vec<_> = accepted.iter().map(|accepted| &accepted.provider_id).collect();
    let mut aliases: Vec<_> = accepted.iter().flat_map(|accepted| &accepted.aliases).collect();
    aliases.dedup();
    let aliases = (!aliases.is_empty()).then_some(aliases);
    without_nulls(json!({"accepted": ids, "aliases": aliases, "error": error.map(error_object)}))
}

/// The file a provider held.
pub(super) fn fetched(answer: &Result<Media, ChannelError>) -> Value {
    match answer {
        Ok(media) => json!({"fetched": file(media)}),
        Err(error) => json!({"error": error_object(error)}),
    }
}

/// What a provider knows about a person.
pub(super) fn profile(answer: &Result<Option<Person>, ChannelError>) -> Value {
    match answer {
        Ok(person) => json!({"profile": person}),
        Err(error) => json!({"error": error_object(error)}),
    }
}

/// What the provider said about the integration.
pub(super) fn connected(answer: &Result<Connected, ChannelError>) -> Value {
    match answer {
        Ok(connected) => json!({"connected": connected.facts}),
        Err(error) => json!({"error": error_object(error)}),
    }
}

/// What the provider knows about a lost attempt.
pub(super) fn verdict(answer: &Result<Verdict, ChannelError>) -> Value {
    match answer {
        Ok(Verdict::Accepted(accepted)) => json!({"verdict": "accepted", "accepted": [accepted.provider_id]}),
        Ok(Verdict::NeverSeen) => json!({"verdict": "neverSeen"}),
        Ok(Verdict::NoAnswer) => json!({"verdict": "noAnswer"}),
        Err(error) => json!({"error": error_object(error)}),
    }
}

/// What the provider says about a message whose receipts are overdue.
pub(super) fn looked_up(answer: &Result<Option<Receipt>, ChannelError>) -> Value {
    match answer {
        Ok(Some(receipt)) => json!({"lookedUp": event(&InboundEvent::Receipt(receipt.clone()))}),
        Ok(None) => json!({"lookedUp": null}),
        Err(error) => json!({"error": error_object(error)}),
    }
}

pub(super) fn error_object(error: &ChannelError) -> Value {
    let fate = match &error.fate {
        Fate::Permanent => json!({"fate": "permanent"}),
        Fate::Transient { maybe_sent } => json!({"fate": "transient", "maybeSent": maybe_sent}),
        Fate::Throttled { retry_after, scope } => json!({
            "fate": "throttled",
            "retryAfter": retry_after.map(|wait| wait.as_secs_f64()),
            "scope": match scope { Scope::Integration => "integration", Scope::Destination => "destination" },
        }),
    };
    let mut object = json!({
        "code": error.code, "detail": error.detail, "providerCode": error.provider_code,
        "underlying": error.underlying,
    });
    if let (Value::Object(object), Value::Object(fate)) = (&mut object, fate) {
        object.extend(fate);
    }
    without_nulls(object)
}

/// An object without its members that are null; what lies deeper is the provider's and stays as it is.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, member)| !member.is_null()).collect::<Map<_, _>>())
        }
        other => other,
    }
}
