//! That a person's message was read, and that somebody writes to them.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/typing-indicators>.

use async_trait::async_trait;
use http::Method;
use serde_json::json;

use super::{WhatsApp, outbound};
use crate::channel::{Activities, Activity, ChannelError, Code, Egress, Shown};

#[async_trait]
impl Activities for WhatsApp {
    /// Typing ends by itself: with the next message, or after 25 seconds.
    fn shows(&self, activity: Activity) -> bool {
        activity != Activity::TypingStopped
    }

    async fn show(&self, shown: &Shown, egress: &dyn Egress) -> Result<(), ChannelError> {
        let Some(message_id) = &shown.newest else {
            return Err(ChannelError::permanent(Code::NotFound, "no message of this person is known"));
        };
        let mut body = json!({"messaging_product": "whatsapp", "status": "read", "message_id": message_id});
        match shown.activity {
            Activity::Read => {}
            Activity::TypingStarted => body["typing_indicator"] = json!({"type": "text"}),
            Activity::TypingStopped => return Err(ChannelError::unsupported("typing:stop")),
        }
        let path = format!("/{}/messages", self.phone_number_id);
        outbound::done(&egress.call(self.graph.request(Method::POST, &path, Some(&body))?).await?)
    }
}
