//! GB/T 28181 codecs: the vocabulary that every floor above shares.
