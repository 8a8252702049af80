use std::fmt;

/// What the URL and the methods of the configuration can both say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) region: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) access_key: Option<AccessKey>,
    pub(crate) create_table: Option<bool>,
}

impl Options {
    /// These, and those of `others` where these say nothing.
    pub(crate) fn or(self, others: Self) -> Self {
        Self {
            region: self.region.or(others.region),
            endpoint: self.endpoint.or(others.endpoint),
            profile: self.profile.or(others.profile),
            access_key: self.access_key.or(others.access_key),
            create_table: self.create_table.or(others.create_table),
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(..)")
    }
}
