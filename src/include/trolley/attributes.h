#ifndef TROLLEY_ATTRIBUTES_H_
#define TROLLEY_ATTRIBUTES_H_

#include <compare>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "trolley/tag.h"

namespace trolley {

// The attributes of one row of a search result: tag -> text, UTF-8, padding removed, several values joined by "\" as in
// PS3.5 §6.4, a person name's groups joined by "=". Sequences and bulk data are not kept. A pointer to one piece of
// memory with 2 bytes for most values besides their text, since a listing may hold 100 000 rows: a Set beyond the last
// tag is O(1), any other moves what is behind it. A regular value; reading is thread-safe.
class Attributes {
 public:
  Attributes() = default;
  Attributes(const Attributes& other);
  Attributes(Attributes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Attributes& operator=(const Attributes& other);
  Attributes& operator=(Attributes&& other) noexcept;
  ~Attributes() { std::free(block_); }
  Attributes(std::initializer_list<std::pair<Tag, std::string_view>> values);

  // Replaces what is there. An empty `value` is "present without a value", which differs from absent.
  void Set(Tag tag, std::string_view value);
  // The text; empty when absent or without a value.
  std::string_view Get(Tag tag) const;
  bool Has(Tag tag) const;
  // The first value when there are several.
  std::string_view First(Tag tag) const;
  // The same by DICOM keyword, "PatientName". Throws kInvalidArgument with the nearest keyword for a misspelt one, as
  // RequireTag; it is never taken for an absent attribute.
  std::string_view Get(std::string_view keyword) const { return Get(RequireTag(keyword).tag); }
  bool Has(std::string_view keyword) const { return Has(RequireTag(keyword).tag); }
  std::string_view First(std::string_view keyword) const { return First(RequireTag(keyword).tag); }
  // First() as a number: digits with optional sign, blanks and a fraction of zeros ("3", " 3 ", "3.0"); else nullopt.
  std::optional<int64_t> Number(Tag tag) const;

  bool empty() const { return block_ == nullptr || block_->size == 0; }
  // In order of tags.
  void ForEach(const std::function<void(Tag, std::string_view)>& visit) const;
  // Takes over what `other` has and this one has not.
  void MergeMissing(const Attributes& other);
  void ShrinkToFit();
  // Room for `count` values of `text_bytes` bytes together.
  void Reserve(size_t count, size_t text_bytes);

  // A stable form for the persistent cache: {tag u32, length u32, text}, little-endian. Parse gives nullopt for
  // anything that Serialize did not write (records cut off, out of order or twice, text that is not UTF-8).
  std::string Serialize() const;
  static std::optional<Attributes> Parse(std::string_view serialized);

  friend bool operator==(const Attributes& a, const Attributes& b) { return a.records() == b.records(); }
  friend auto operator<=>(const Attributes& a, const Attributes& b) { return a.records() <=> b.records(); }

 private:
  struct Block {
    uint32_t size;      // of the records behind this
    uint32_t capacity;  // room for records
    uint32_t last;      // where the last of them begins
  };

  // Ordered by tag; each a tag, the text's length, and the text (see attributes.cc).
  std::string_view records() const;
  char* begin() { return reinterpret_cast<char*>(block_ + 1); }
  void SetCapacity(size_t capacity);

  Block* block_ = nullptr;  // of malloc, which can shrink it
};

}  // namespace trolley

#endif  // TROLLEY_ATTRIBUTES_H_
