//! Calls of a channel's optional faces: `face.json` says which.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::{
    Activity, Business, Channel, ChannelError, Code, Media, Menu, NewTemplate, Shown, TemplateQuery,
};
use super::{Tape, report};

/// `face.json`: what is asked of the channel.
#[derive(Debug, Deserialize)]
#[serde(tag = "call", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(super) enum Call {
    ShowActivity { destination: String, activity: Activity, newest: Option<String> },
    PutMenu { menu: Menu },
    RemoveMenu,
    ListTemplates { query: TemplateQuery },
    CreateTemplate { template: NewTemplate },
    DeleteTemplate { name: String },
    Business,
    UpdateBusiness { change: Business },
    SetPhoto { media_type: String, content: String },
}

/// What became of it.
pub(super) async fn call(channel: &dyn Channel, call: Call, tape: &Tape) -> Value {
    match answer(channel, call, tape).await {
        Ok(answer) => json!({ "answered": answer }),
        Err(error) => json!({"error": report::error_object(&error)}),
    }
}

async fn answer(channel: &dyn Channel, call: Call, tape: &Tape) -> Result<Value, ChannelError> {
    let absent = || ChannelError::permanent(Code::NotFound, "the channel has no such face");
    match call {
        Call::ShowActivity { destination, activity, newest } => {
            let face = channel.activity().ok_or_else(absent)?;
            if !face.shows(activity) {
                return Ok(json!("not shown"));
            }
            let destination = channel.destination(&destination).map_err(|_| absent())?;
            face.show(&Shown { destination, activity, newest }, tape).await.map(done)
        }
        Call::PutMenu { menu } => channel.menus().ok_or_else(absent)?.put(&menu, tape).await.map(done),
        Call::RemoveMenu => channel.menus().ok_or_else(absent)?.remove(tape).await.map(done),
        Call::ListTemplates { query } => {
            let page = channel.templates().ok_or_else(absent)?.list(&query, tape).await?;
            Ok(json!(page))
        }
        Call::CreateTemplate { template } => {
            let made = channel.templates().ok_or_else(absent)?.create(&template, tape).await?;
            Ok(json!(made))
        }
        Call::DeleteTemplate { name } => {
            channel.templates().ok_or_else(absent)?.delete(&name, tape).await.map(done)
        }
        Call::Business => Ok(json!(channel.business().ok_or_else(absent)?.profile(tape).await?)),
        Call::UpdateBusiness { change } => {
            channel.business().ok_or_else(absent)?.update(&change, tape).await.map(done)
        }
        Call::SetPhoto { media_type, content } => {
            let photo = Media { bytes: content.into(), media_type: Some(media_type), name: None };
            Ok(json!({"photoUrl": channel.business().ok_or_else(absent)?.set_photo(&photo, tape).await?}))
        }
    }
}

fn done((): ()) -> Value {
    json!("done")
}
