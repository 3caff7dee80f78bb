//! That the page writes or has read, shown to a person as a sender action.
//!
//! <https://developers.facebook.com/docs/messenger-platform/send-messages/sender-actions>.

use async_trait::async_trait;
use http::Method;
use serde_json::json;

use super::{Messenger, outbound};
use crate::channel::{Activities, Activity, ChannelError, Egress, Shown};

#[async_trait]
impl Activities for Messenger {
    fn shows(&self, _activity: Activity) -> bool {
        true
    }

    async fn show(&self, shown: &Shown, egress: &dyn Egress) -> Result<(), ChannelError> {
        let action = match shown.activity {
            Activity::TypingStarted => "typing_on",
            Activity::TypingStopped => "typing_off",
            Activity::Read => "mark_seen",
        };
        let body = json!({"recipient": {"id": shown.destination.address}, "sender_action": action});
        let page = self.page_id.as_deref().unwrap_or("me");
        let request = self.graph.request(Method::POST, &format!("/{page}/messages"), Some(&body))?;
        outbound::success(&egress.call(request).await?).map(drop)
    }
}
