//! Stable names of the types that a session's values have, so that a value is never read as another type.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use bytestring::ByteString;

use crate::SessionError;

/// What is stored for a type without a name.
pub(crate) const UNREGISTERED: &str = "";

/// Type to name, for primitives from the start and for others once they are registered.
#[derive(Debug)]
pub(crate) struct TypeNames(RwLock<HashMap<TypeId, ByteString>>);

impl TypeNames {
    /// The name under which values of `T` are stored.
    pub(crate) fn of<T: ?Sized + 'static>(&self) -> ByteString {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        names.get(&TypeId::of::<T>()).cloned().unwrap_or_default()
    }

    pub(crate) fn register<T: ?Sized + 'static>(&self, name: ByteString) -> Result<(), SessionError> {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let id = TypeId::of::<T>();
        if names.get(&id).is_some_and(|known| *known == name) {
            return Ok(());
        }
        let taken =
            *name == *UNREGISTERED || names.contains_key(&id) || names.values().any(|known| *known == name);
        if taken {
            return Err(SessionError::TypeNameTaken { name: name.to_string().into() });
        }
        names.insert(id, name);
        Ok(())
    }
}

impl Default for TypeNames {
    fn default() -> Self {
        let mut names = HashMap::new();
        macro_rules! primitives {
            ($($type:ty => $name:literal),* $(,)?) => {
                $(names.insert(TypeId::of::<$type>(), ByteString::from_static($name));)*
            };
        }
        primitives! {
            bool => "bool", char => "char",
            i8 => "i8", i16 => "i16", i32 => "i32", i64 => "i64", i128 => "i128", isize => "isize",
            u8 => "u8", u16 => "u16", u32 => "u32", u64 => "u64", u128 => "u128", usize => "usize",
            f32 => "f32", f64 => "f64",
            str => "string", String => "string", &'static str => "string",
            [u8] => "bytes", Vec<u8> => "bytes",
        }
        Self(RwLock::new(names))
    }
}
