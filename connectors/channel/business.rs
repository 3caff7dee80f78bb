//! How a business shows itself on a channel.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{ChannelError, Egress, Media};

/// The face of channels on which a business has a profile.
///
/// WhatsApp keeps one for each number: `/{number}/whatsapp_business_profile`. Its photo is put at Meta first, in an
/// upload session of the app behind the token, and the profile then takes the handle which that gives.
#[async_trait]
pub trait BusinessProfile: Send + Sync {
    /// The profile as it is.
    async fn profile(&self, egress: &dyn Egress) -> Result<Business, ChannelError>;

    /// Changes what is there in `change`, and nothing else. An empty text empties a field.
    async fn update(&self, change: &Business, egress: &dyn Egress) -> Result<(), ChannelError>;

    /// Shows another photo. The answer is its address, where the provider tells it already.
    async fn set_photo(&self, photo: &Media, egress: &dyn Egress) -> Result<Option<String>, ChannelError>;
}

/// A profile, or a change of one: what is not there is not known or not meant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Business {
    /// The line below its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to write to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Its industry, in the provider's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vertical: Option<String>,
    /// Its pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub websites: Option<Vec<String>>,
    /// Its photo; changed by [`BusinessProfile::set_photo`] alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photo_url: Option<String>,
}
