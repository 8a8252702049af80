use std::{fmt, time::Duration};

use cloakroom_storage::{Namespace, Result};

use crate::options::{AccessKey, Options};

/// The namespace of a configuration that names none.
const DEFAULT_NAMESPACE: &str = "cloakroom";

/// Where the table is, and how a [`DynamodbStorage`](crate::DynamodbStorage) uses it.
///
/// The URL is `dynamodb:TABLE`, where `TABLE` is a table's name or its ARN, with options after a `?`:
///
/// | option | meaning | default |
/// | --- | --- | --- |
/// | `region` | the AWS region, such as `eu-west-1` | `AWS_REGION`, the profile, the machine's own |
/// | `endpoint` | another server than AWS's: DynamoDB Local, a VPC endpoint | `AWS_ENDPOINT_URL_DYNAMODB`, AWS |
/// | `profile` | a profile of `~/.aws`, for region and credentials | `AWS_PROFILE` |
/// | `access_key_id`, `secret_access_key` | credentials for a server that is not AWS's | the SDK's usual chain |
/// | `create_table` | `true` or `false` | `true` |
///
/// What a method below sets wins over the URL. On AWS leave the credentials to the SDK's chain (environment,
/// profile, web identity, ECS, EC2): what it finds is temporary and renewed in time.
///
/// ```
/// use cloakroom_storage_dynamodb::DynamodbConfig;
///
/// # fn main() -> Result<(), cloakroom_storage::StorageError> {
/// let config = DynamodbConfig::new("dynamodb:sessions?region=eu-west-1")
///     .with_namespace("shop".parse()?)
///     .with_create_table(false);
/// # let _ = config;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DynamodbConfig {
    url: String,
    namespace: Option<Namespace>,
    connect_timeout: Duration,
    options: Options,
}

impl DynamodbConfig {
    /// The table that the URL names, in the namespace `cloakroom`. Does no I/O; the URL is read by
    /// [`connect`](crate::DynamodbStorage::connect).
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: None,
            connect_timeout: Duration::from_secs(5),
            options: Options::default(),
        }
    }

    /// What all keys of this storage begin with in the table; others may share it.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// How long the first answer may take, finding credentials included, and later each new connection. The
    /// default is 5 seconds.
    ///
    /// Creating a table takes longer, about ten seconds on AWS, and is not counted.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The AWS region, such as `eu-west-1`.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.options.region = Some(region.into());
        self
    }

    /// Another server than AWS's, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn with_endpoint(mut self, url: impl Into<String>) -> Self {
        self.options.endpoint = Some(url.into());
        self
    }

    /// A profile of `~/.aws/config` and `~/.aws/credentials`: its credentials are used, and its region unless one
    /// is named elsewhere.
    #[must_use]
    pub fn with_profile(mut self, name: impl Into<String>) -> Self {
        self.options.profile = Some(name.into());
        self
    }

    /// Credentials that never change, for servers that are not AWS's; DynamoDB Local takes any.
    #[must_use]
    pub fn with_access_key(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.options.access_key = Some(AccessKey { id: id.into(), secret: secret.into() });
        self
    }

    /// Whether a table that is missing is created, with on-demand billing and its TTL on; the default. An
    /// existing table is never changed.
    ///
    /// Without it, and without `dynamodb:CreateTable` in the role, infrastructure stays in one hand; the error
    /// then says how to create the table.
    #[must_use]
    pub const fn with_create_table(mut self, create: bool) -> Self {
        self.options.create_table = Some(create);
        self
    }

    pub(crate) fn namespace(&self) -> Result<Namespace> {
        self.namespace.clone().map_or_else(|| Namespace::new(DEFAULT_NAMESPACE), Ok)
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The table, and the options with those of the URL where no method has set another.
    pub(crate) fn table_and_options(&self) -> Result<(String, Options)> {
        let (table, from_url) = crate::url::parse(&self.url)?;
        Ok((table, self.options.clone().or(from_url)))
    }
}

impl fmt::Debug for DynamodbConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a secret key, and may be malformed in any way.
        f.debug_struct("DynamodbConfig")
            .field("namespace", &self.namespace)
            .field("connect_timeout", &self.connect_timeout)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
