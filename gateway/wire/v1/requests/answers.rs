//! A form filled in: what people answer, and so never the business.

use heliograph_connectors::channel::{Answer, Answered, Choice, Content, text};

use crate::model::Timestamp;
use crate::wire::Invalid;
use crate::wire::given::Given;

use super::message::{FIELDS_MAX, LABEL_MAX, OPTIONS_MAX, content, fresh};

/// Characters of a free answer.
const TEXT_MAX: usize = 256;

/// What a person says: answers to a form, or anything else a message can hold.
pub(super) fn or_content(given: &Given<'_>, now: Timestamp) -> Result<Content, Invalid> {
    let is_response = given.member("type")?.is_some_and(|kind| kind.text() == Ok("formResponse"));
    if !is_response {
        return content(given, now);
    }
    let fields: Vec<Answer> = given.required("fields", |fields| {
        fields.list_of(1, FIELDS_MAX)?.iter().map(|each| answer(each, now)).collect()
    })?;
    Ok(Content::FormResponse { text_fallback: text::answers(&fields), fields })
}

fn answer(given: &Given<'_>, now: Timestamp) -> Result<Answer, Invalid> {
    let kind = given.required("type", |kind| kind.word(&["text", "email", "select"]))?;
    let name = given.required("name", |name| name.filled_within(LABEL_MAX))?;
    let label = given.required("label", |label| label.filled_within(LABEL_MAX))?;
    let given = match kind {
        "email" => {
            Answered::Email { email: given.required("email", |email| email.filled_within(LABEL_MAX))? }
        }
        "select" => Answered::Select { select: given.required("select", choices)? },
        _ => Answered::Text { text: given.required("text", |text| text.filled_within(TEXT_MAX))? },
    };
    Ok(Answer { id: fresh(now), name, label, given })
}

fn choices(given: &Given<'_>) -> Result<Vec<Choice>, Invalid> {
    let choice = |given: &Given<'_>| {
        Ok(Choice {
            name: given.required("name", |name| name.filled_within(LABEL_MAX))?,
            label: given.required("label", |label| label.filled_within(LABEL_MAX))?,
        })
    };
    given.list_of(1, OPTIONS_MAX)?.iter().map(choice).collect()
}

#[cfg(test)]
mod tests {
    use heliograph_connectors::channel::Body;
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::v1::PostMessage;

    fn post(role: &str, fields: Value) -> Result<Content, Invalid> {
        let body = json!({"role": role, "type": "formResponse", "fields": fields});
        let read = PostMessage::parse(body.to_string().as_bytes(), Timestamp::from_millis(0))?;
        let Body::Content(content) = read.body else { panic!("content") };
        Ok(content)
    }

    #[test]
    fn answers_are_read() {
        let read = post(
            "appUser",
            json!([
                {"type": "text", "name": "who", "label": "Name", "text": "Ann"},
                {"type": "email", "name": "mail", "label": "Mail", "email": "ann@example.com"},
                {"type": "select", "name": "size", "label": "Size", "select": [{"name": "s", "label": "Small"}]}
            ]),
        );
        let Ok(Content::FormResponse { fields, text_fallback }) = read else { panic!("{read:?}") };
        assert_eq!(text_fallback, "Name: Ann\nMail: ann@example.com\nSize: Small");
        assert!(fields.iter().all(|answer| answer.id.len() == 24));
    }

    #[test]
    fn a_refusal_names_the_answer() {
        let refused = |role, fields| post(role, fields).expect_err("a refusal").path;
        let field = json!([{"type": "text", "name": "who", "label": "Name", "text": "Ann"}]);
        assert_eq!(refused("appMaker", field), "type");
        assert_eq!(refused("appUser", json!([])), "fields");
        for (field, path) in [
            (json!({"type": "date", "name": "a", "label": "A"}), "fields[0].type"),
            (json!({"type": "text", "name": "a", "label": "A"}), "fields[0].text"),
            (json!({"type": "text", "name": "a", "label": "A", "text": "x".repeat(257)}), "fields[0].text"),
            (json!({"type": "email", "name": "a", "label": "A", "email": 1}), "fields[0].email"),
            (
                json!({"type": "select", "name": "a", "label": "A", "select": [{"name": "s"}]}),
                "fields[0].select[0].label",
            ),
        ] {
            assert_eq!(refused("appUser", json!([field])), path);
        }
    }
}
