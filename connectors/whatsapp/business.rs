//! The profile people see of the number.
//!
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/reference/business-profiles> and, for the photo,
//! <https://developers.facebook.com/docs/graph-api/guides/upload>.

use async_trait::async_trait;
use http::{HeaderValue, Method, header};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{WhatsApp, outbound};
use crate::channel::{Business, BusinessProfile, ChannelError, Code, Egress, Media};

const FIELDS: &str = "about,address,description,email,profile_picture_url,websites,vertical";

#[async_trait]
impl BusinessProfile for WhatsApp {
    async fn profile(&self, egress: &dyn Egress) -> Result<Business, ChannelError> {
        let path = format!("{}?fields={FIELDS}", self.profile_path());
        let answer = egress.call(self.graph.request(Method::GET, &path, None)?).await?;
        let page: Page = outbound::read(&answer)?;
        let Profile { about, address, description, email, vertical, websites, profile_picture_url } =
            page.data.into_iter().next().unwrap_or_default();
        Ok(Business {
            about,
            address,
            description,
            email,
            vertical,
            websites,
            photo_url: profile_picture_url,
        })
    }

    async fn update(&self, change: &Business, egress: &dyn Egress) -> Result<(), ChannelError> {
        let Business { about, address, description, email, vertical, websites, photo_url: _ } = change;
        let mut body = json!({"messaging_product": "whatsapp"});
        let texts = [
            ("about", about),
            ("address", address),
            ("description", description),
            ("email", email),
            ("vertical", vertical),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                body[name] = text.as_str().into();
            }
        }
        if let Some(websites) = websites {
            body["websites"] = websites.clone().into();
        }
        self.change(&body, egress).await
    }

    async fn set_photo(&self, photo: &Media, egress: &dyn Egress) -> Result<Option<String>, ChannelError> {
        let session = self.open_upload(photo, egress).await?;
        // The session's address wants the token under another word than all others.
        let mut request = self.graph.request(Method::POST, &format!("/{session}"), None)?;
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, self.graph.upload_authorization()?);
        headers.insert("file_offset", HeaderValue::from_static("0"));
        *request.body_mut() = photo.bytes.clone();
        let handle: Handle = outbound::read(&egress.call(request).await?)?;
        let change = json!({"messaging_product": "whatsapp", "profile_picture_handle": handle.h});
        self.change(&change, egress).await?;
        // The photo is shown by now: that its address cannot be learnt is no failure.
        Ok(self.profile(egress).await.ok().and_then(|profile| profile.photo_url))
    }
}

impl WhatsApp {
    fn profile_path(&self) -> String {
        format!("/{}/whatsapp_business_profile", self.phone_number_id)
    }

    async fn change(&self, body: &Value, egress: &dyn Egress) -> Result<(), ChannelError> {
        let request = self.graph.request(Method::POST, &self.profile_path(), Some(body))?;
        outbound::done(&egress.call(request).await?)
    }

    /// Tells Meta of a file to come; the answer names the session that takes it.
    async fn open_upload(&self, photo: &Media, egress: &dyn Egress) -> Result<String, ChannelError> {
        let kind = photo.media_type.as_deref().unwrap_or("image/jpeg");
        if !matches!(kind, "image/jpeg" | "image/png") {
            return Err(ChannelError::permanent(Code::BadRequest, "a photo must be image/jpeg or image/png"));
        }
        let length = photo.bytes.len().to_string();
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("file_length", &length)
            .append_pair("file_type", kind)
            .finish();
        let path = format!("/app/uploads?{query}");
        let session: Session =
            outbound::read(&egress.call(self.graph.request(Method::POST, &path, None)?).await?)?;
        // It becomes part of an address, with a signature in its query.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ":?=&_-%.".contains(c);
        match session.id.starts_with("upload:") && session.id.chars().all(is_plain) {
            true => Ok(session.id),
            false => Err(ChannelError::transient(false, "Meta named no upload session")),
        }
    }
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    data: Vec<Profile>,
}

#[derive(Default, Deserialize)]
struct Profile {
    about: Option<String>,
    address: Option<String>,
    description: Option<String>,
    email: Option<String>,
    vertical: Option<String>,
    websites: Option<Vec<String>>,
    profile_picture_url: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
}

#[derive(Deserialize)]
struct Handle {
    h: String,
}
