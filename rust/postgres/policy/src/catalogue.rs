//! What the gateway knows of a target's catalogue: where functions live, the columns of masked relations, and what
//! shares rows with denied ones.

use crate::glob::Object;
use crate::kin::{Inheritance, Kinship};
use crate::readable::is_readable;
use crate::rules::Rule;
use hoopwire_postgres_sql::{Access, Verbs};
use rustc_hash::FxHashMap;
use std::collections::HashMap;

/// A column of a masked relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueColumn {
    /// Its name.
    pub name: String,
    /// Its number within the relation; RowDescription names it so.
    pub attnum: i16,
    /// OID of its type.
    pub type_oid: u32,
    /// Computed from other columns by the target.
    pub generated: bool,
    /// Which of the grant's masks applies to it, as an index into [`Grant::masks`](crate::Grant::masks).
    pub mask: Option<usize>,
}

/// A relation with masked columns, or one that shows those of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueRelation {
    /// RowDescription names it so.
    pub oid: u32,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// A view over masked columns: nothing of it may be read.
    pub opaque: bool,
    /// All columns that are not dropped, in the order of their numbers.
    pub columns: Vec<CatalogueColumn>,
}

/// Which values of masked columns stand in the target's own catalogues, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored(u8);

impl Stored {
    /// What a column has in rows that are older than it (`pg_attribute.attmissingval`).
    pub const MISSING: Stored = Stored(1);
    /// A default.
    pub const DEFAULT: Stored = Stored(1 << 1);
    /// Bounds of partitions.
    pub const BOUND: Stored = Stored(1 << 2);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Stored) -> Stored {
        Stored(self.0 | other.0)
    }

    /// True if the sets have a kind in common.
    #[must_use]
    pub const fn intersects(self, other: Stored) -> bool {
        self.0 & other.0 != 0
    }
}

/// Most settings of roles and databases that are looked at; where there are more, one may be a secret.
pub const KEPT_SETTINGS_MAX: usize = 1000;

/// What is known of one database of one target, for the masks of one policy. Never changed, only replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    version: u64,
    functions: FxHashMap<String, Vec<String>>,
    relations: Vec<CatalogueRelation>,
    stored: Stored,
    /// Of what ALTER ROLE and ALTER DATABASE have set anywhere in the cluster, anybody may read all.
    shows_settings: bool,
    by_oid: HashMap<u32, usize>,
    by_name: HashMap<(String, String), usize>,
    kinship: Kinship,
    /// Columns of masks that match none of the target's.
    idle_masks: Vec<String>,
}

impl Catalogue {
    /// `version` tells this catalogue from every other one in the process, of whatever target. `functions` are
    /// (schema, name) of all functions outside pg_catalog in the schemas of the search path.
    #[must_use]
    pub fn new(
        version: u64,
        functions: impl IntoIterator<Item = (String, String)>,
        relations: Vec<CatalogueRelation>,
    ) -> Catalogue {
        let mut schemas: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for (schema, name) in functions {
            let schemas = schemas.entry(name).or_default();
            if !schemas.contains(&schema) {
                schemas.push(schema);
            }
        }
        let by_oid = relations.iter().enumerate().map(|(at, relation)| (relation.oid, at)).collect();
        let by_name = relations
            .iter()
            .enumerate()
            .map(|(at, relation)| ((relation.schema.clone(), relation.name.clone()), at))
            .collect();
        Catalogue {
            version,
            functions: schemas,
            relations,
            stored: Stored::default(),
            shows_settings: false,
            by_oid,
            by_name,
            kinship: Kinship::default(),
            idle_masks: Vec::new(),
        }
    }

    /// The same, and which relations share rows with what these denies name.
    #[must_use]
    pub fn with_kinship(mut self, inheritance: &[Inheritance], deny: &[Rule]) -> Catalogue {
        self.kinship = Kinship::new(inheritance, deny);
        self
    }

    /// The same, and which columns that the policy masks are not there (`public.peple.email`).
    #[must_use]
    pub fn with_idle_masks(self, idle_masks: Vec<String>) -> Catalogue {
        Catalogue { idle_masks, ..self }
    }

    /// Columns of masks that match none of the target's: mostly slips of the pen.
    #[must_use]
    pub fn idle_masks(&self) -> &[String] {
        &self.idle_masks
    }

    /// The verbs of this access that touch what these denies name by partitions, children or parents.
    pub(crate) fn denied_by_kin(&self, object: Object<'_>, access: &Access<&str>, deny: &[Rule]) -> Verbs {
        self.kinship.denied(object, access, deny)
    }

    /// The same, with values of masked columns in the target's catalogues.
    #[must_use]
    pub fn with_stored(self, stored: Stored) -> Catalogue {
        Catalogue { stored, ..self }
    }

    /// The values of masked columns that stand in the target's catalogues.
    #[must_use]
    pub fn stored(&self) -> Stored {
        self.stored
    }

    /// The same, and the names of what ALTER ROLE and ALTER DATABASE have set; `None` where the target did not say.
    #[must_use]
    pub fn with_settings(self, names: Option<&[String]>) -> Catalogue {
        let shows_settings = names.is_some_and(|names| {
            names.len() <= KEPT_SETTINGS_MAX && names.iter().all(|name| is_readable(name))
        });
        Catalogue { shows_settings, ..self }
    }

    /// None of the settings that roles and databases have can be a secret.
    #[must_use]
    pub fn shows_settings(&self) -> bool {
        self.shows_settings
    }

    /// Tells it from every other catalogue.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// True if a decision would be the same with either.
    #[must_use]
    pub fn says_the_same(&self, other: &Catalogue) -> bool {
        self.functions == other.functions
            && self.relations == other.relations
            && self.stored == other.stored
            && self.shows_settings == other.shows_settings
            && self.kinship == other.kinship
            && self.idle_masks == other.idle_masks
    }

    /// The schemas that have a function of this name, without pg_catalog.
    #[must_use]
    pub fn schemas_of(&self, function: &str) -> &[String] {
        self.functions.get(function).map_or(&[], Vec::as_slice)
    }

    /// The masked relation that RowDescription names by this number.
    #[must_use]
    pub fn by_oid(&self, oid: u32) -> Option<&CatalogueRelation> {
        self.relations.get(*self.by_oid.get(&oid)?)
    }

    /// The masked relation of this name.
    #[must_use]
    pub fn by_name(&self, schema: &str, name: &str) -> Option<&CatalogueRelation> {
        self.relations.get(*self.by_name.get(&(schema.to_owned(), name.to_owned()))?)
    }

    /// All masked relations.
    #[must_use]
    pub fn relations(&self) -> &[CatalogueRelation] {
        &self.relations
    }
}

/// What is known of the session when a text is decided.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// `client_encoding` and `server_encoding` both are UTF8. In any other encoding the target may fold and cut
    /// names otherwise than we do, so that only ASCII passes.
    pub utf8: bool,
    /// The target's catalogue, once it is known.
    pub catalogue: Option<&'a Catalogue>,
}
