//! The shapes of parameters and answers.

/// A shape within its service: [`crate::Service::shape`] has what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeId(pub(crate) u32);

impl ShapeId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a value is.
#[derive(Debug)]
pub enum Shape {
    /// One value.
    Scalar(Scalar),
    /// Members by name.
    Structure(Structure),
    /// Elements in order.
    List(List),
    /// Values by keys.
    Map(Map),
}

impl Shape {
    /// What is not in the data; it takes everything.
    pub(crate) const UNKNOWN: Self = Self::Scalar(Scalar::Document);
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    String,
    /// Bytes: Base64 in JSON and XML, themselves in a body.
    Blob,
    /// True or false.
    Boolean,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// A fraction of 32 bits.
    Float,
    /// A fraction of 64 bits.
    Double,
    /// A moment, as the protocol and the place write it.
    Timestamp,
    /// A moment as `2026-01-15T10:00:00Z`.
    TimestampIso,
    /// A moment as seconds since 1970.
    TimestampUnix,
    /// A moment as `Thu, 15 Jan 2026 10:00:00 GMT`.
    TimestampHttp,
    /// Any JSON.
    Document,
}

impl Scalar {
    /// By their numbers in the data, which come before those of all other shapes.
    pub(crate) const ALL: [Self; 12] = [
        Self::String,
        Self::Blob,
        Self::Boolean,
        Self::Integer,
        Self::Long,
        Self::Float,
        Self::Double,
        Self::Timestamp,
        Self::TimestampIso,
        Self::TimestampUnix,
        Self::TimestampHttp,
        Self::Document,
    ];

    /// Whether it is a moment.
    pub fn is_timestamp(self) -> bool {
        matches!(
            self,
            Self::Timestamp | Self::TimestampIso | Self::TimestampUnix | Self::TimestampHttp
        )
    }
}

/// Members by name.
#[derive(Debug)]
pub struct Structure {
    /// In the model's order.
    pub members: Vec<Member>,
    /// The member that is the whole body, if one is.
    pub payload: Option<&'static str>,
    /// Exactly one member is there.
    pub union: bool,
}

impl Structure {
    /// The member of this name, as Step Functions spells it.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// A member of a structure.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// As Step Functions spells it: `DbInstanceIdentifier`.
    pub name: &'static str,
    /// As the model spells it, but for a capital at its start: `DBInstanceIdentifier`. Optimised integrations, which are built
    /// with the SDK for Java 1, show this.
    pub original: &'static str,
    /// As the wire has it: a key, an element, a header (or its beginning), a label, a query parameter.
    pub wire: &'static str,
    /// What it is.
    pub shape: ShapeId,
    /// Where it stands.
    pub location: Location,
    /// The name in EC2's requests, where the model gives one; else empty.
    pub query_name: &'static str,
    /// The namespace of its element, `uri` or `prefix=uri`; else empty.
    pub namespace: &'static str,
    pub(crate) traits: u8,
}

impl Member {
    /// Whether it has a trait.
    pub fn is(&self, which: Trait) -> bool {
        self.traits & which as u8 != 0
    }
}

/// Where a member stands in a request or an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the body.
    Body,
    /// It is a header.
    Header,
    /// It is all headers that begin like this.
    Headers,
    /// In the path.
    Uri,
    /// In the query.
    Query,
    /// It is the status.
    Status,
}

/// What else is said of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Trait {
    /// The model demands it.
    Required = 1,
    /// The SDK makes one when none is given.
    IdempotencyToken = 2,
    /// A list or map without an element around it.
    Flattened = 4,
    /// JSON within text: Base64 in a header, text in a body.
    JsonValue = 8,
    /// An attribute of its element.
    XmlAttribute = 16,
    /// Part of the host's name on AWS.
    HostLabel = 32,
    /// A body of any length.
    Streaming = 64,
}

/// Elements in order.
#[derive(Debug, Clone, Copy)]
pub struct List {
    /// What they are.
    pub element: ShapeId,
    /// The name the model gives an element in XML and forms; empty where it gives none.
    pub name: &'static str,
    /// Without an element around them.
    pub flattened: bool,
}

impl List {
    /// The name of an element within the element around them: `member` where the model gives none.
    pub fn element_name(&self) -> &'static str {
        match self.name {
            "" => "member",
            name => name,
        }
    }
}

/// Values by keys.
#[derive(Debug, Clone, Copy)]
pub struct Map {
    /// What the keys are: text.
    pub key: ShapeId,
    /// What the values are.
    pub value: ShapeId,
    /// The key's element in XML and forms: `key` where the model gives none.
    pub key_name: &'static str,
    /// The value's element: `value` where the model gives none.
    pub value_name: &'static str,
    /// Without an element around them.
    pub flattened: bool,
}
