//! The content vocabulary: what a message says, independent of channel and of API version.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is to be sent: platform content, or a provider's own payload passed through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// Content in the platform's vocabulary.
    Content(Content),
    /// A provider's own message object, named by its schema (`messageSchema: "whatsapp"`).
    Native {
        /// The schema's name.
        schema: String,
        /// The payload, as the caller gave it.
        message: Value,
    },
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Content {
    /// Plain text, with optional actions.
    Text {
        /// The text; may be empty when there are actions.
        text: String,
        /// Buttons and quick replies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        actions: Vec<Action>,
    },
    /// A picture by URL.
    Image {
        /// Where the picture is.
        media_url: String,
        /// Its type, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// A caption.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// A description for those who cannot see it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alt_text: Option<String>,
        /// Buttons and quick replies.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        actions: Vec<Action>,
    },
    /// Any other file by URL.
    File {
        /// Where the file is.
        media_url: String,
        /// Its type, where known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// A caption.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// A description for those who cannot open it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alt_text: Option<String>,
    },
    /// A place on the map.
    Location {
        /// Degrees north.
        lat: f64,
        /// Degrees east.
        long: f64,
        /// What the place is called and where it stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<MapPlace>,
    },
    /// Items side by side.
    Carousel {
        /// One to ten items.
        items: Vec<Item>,
        /// The shape of the items' pictures.
        #[serde(default)]
        aspect: AspectRatio,
    },
    /// Items one below the other.
    List {
        /// One to ten items.
        items: Vec<Item>,
        /// Actions of the whole list.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        actions: Vec<Action>,
    },
    /// Questions to be filled in.
    Form {
        /// The questions.
        fields: Vec<Field>,
        /// Whether free text is refused until the form is answered.
        #[serde(default)]
        block_chat_input: bool,
        /// What is said above the questions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// A form filled in. People give it; no channel carries one to them.
    FormResponse {
        /// The answers.
        fields: Vec<Answer>,
        /// What it reads like ([`super::text::answers`]).
        text_fallback: String,
    },
}

impl Content {
    /// The kind's word in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Content::Text { .. } => "text",
            Content::Image { .. } => "image",
            Content::File { .. } => "file",
            Content::Location { .. } => "location",
            Content::Carousel { .. } => "carousel",
            Content::List { .. } => "list",
            Content::Form { .. } => "form",
            Content::FormResponse { .. } => "formResponse",
        }
    }

    /// A plain text.
    pub fn text(text: impl Into<String>) -> Content {
        Content::Text { text: text.into(), actions: Vec::new() }
    }
}

/// The name and address of a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapPlace {
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// The shape of a carousel's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AspectRatio {
    /// Wider than high.
    #[default]
    Horizontal,
    /// As wide as high.
    Square,
}

/// One item of a carousel or list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Given by the platform.
    #[serde(rename = "_id")]
    pub id: String,
    /// The headline.
    pub title: String,
    /// Text below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_url: Option<String>,
    /// The picture's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// A description of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
    /// `compact` or `large`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// One to three actions.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// The business's own facts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
}

/// A button or quick reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Opens a page.
    Link {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// The page.
        uri: String,
        /// Whether it is an item's default action.
        #[serde(default, skip_serializing_if = "is_false")]
        default: bool,
        /// What single channels are to do with it beyond that, by their types.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra_channel_options: Option<Value>,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// Opens a page inside the channel.
    Webview {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// The page.
        uri: String,
        /// The page for channels without webviews.
        fallback: String,
        /// `compact`, `tall` or `full`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<String>,
        /// Whether it is an item's default action.
        #[serde(default, skip_serializing_if = "is_false")]
        default: bool,
        /// Whether it opens by itself when the message comes.
        #[serde(default, skip_serializing_if = "is_false")]
        open_on_receive: bool,
        /// What single channels are to do with it beyond that, by their types.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extra_channel_options: Option<Value>,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// Asks for a payment (never settled here; kept for display).
    Buy {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// Cents.
        amount: i64,
        /// ISO 4217, lower case.
        currency: String,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// Tells the business that the button was pressed.
    Postback {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// What the business is told.
        payload: String,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// A quick reply: the label comes back as the person's message.
    Reply {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// What comes back with it.
        payload: String,
        /// A small picture on the button.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        icon_url: Option<String>,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// Asks for the person's location.
    LocationRequest {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The label.
        text: String,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
    /// Passes the item on to others.
    Share {
        /// Given by the platform.
        #[serde(rename = "_id")]
        id: String,
        /// The business's own facts.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        metadata: Map<String, Value>,
    },
}

impl Action {
    /// The kind's word in the API.
    pub fn kind(&self) -> &'static str {
        match self {
            Action::Link { .. } => "link",
            Action::Webview { .. } => "webview",
            Action::Buy { .. } => "buy",
            Action::Postback { .. } => "postback",
            Action::Reply { .. } => "reply",
            Action::LocationRequest { .. } => "locationRequest",
            Action::Share { .. } => "share",
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// One question of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Given by the platform.
    #[serde(rename = "_id")]
    pub id: String,
    /// What kind of answer is wanted.
    #[serde(rename = "type")]
    pub kind: FieldKind,
    /// Unique within the form.
    pub name: String,
    /// What the person reads.
    pub label: String,
    /// Shown in the empty field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Fewest characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_size: Option<u32>,
    /// Most characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// Choices of a select.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<SelectOption>,
    /// What kind of number a free text is to be: `integer` or `decimal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// What kind of answer a form field wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldKind {
    /// Free text.
    Text,
    /// An email address.
    Email,
    /// One of several options.
    Select,
}

/// One choice of a select field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectOption {
    /// Given by the platform.
    #[serde(rename = "_id")]
    pub id: String,
    /// What the business is told.
    pub name: String,
    /// What the person reads.
    pub label: String,
}

/// The answer to one question of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Given by the platform.
    #[serde(rename = "_id")]
    pub id: String,
    /// The question's name.
    pub name: String,
    /// What the person read.
    pub label: String,
    /// What they answered.
    #[serde(flatten)]
    pub given: Answered,
}

/// What was answered, by the kind of the question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Answered {
    /// Free text.
    Text {
        /// The text.
        text: String,
    },
    /// An email address.
    Email {
        /// The address.
        email: String,
    },
    /// Choices of a select.
    Select {
        /// What was chosen.
        select: Vec<Choice>,
    },
}

/// A choice that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What the business is told.
    pub name: String,
    /// What the person read.
    pub label: String,
}
