#ifndef TROLLEY_DICOM_ATTRIBUTES_H_
#define TROLLEY_DICOM_ATTRIBUTES_H_

#include <compare>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "dicom/tag.h"

namespace trolley {

// The attributes of one row of a search result: tag -> text, UTF-8, padding removed, several values joined by "\" as in
// PS3.5 §6.4, a person name's groups joined by "=". Sequences and bulk data are not kept. One allocation for the whole
// row, since a listing may hold 100 000 of them: a Set beyond the last tag is O(1), any other moves what is behind it.
// A regular value; reading is thread-safe.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<Tag, std::string_view>> values);

  // Replaces what is there. An empty `value` is "present without a value", which differs from absent.
  void Set(Tag tag, std::string_view value);
  // The text; empty when absent or without a value.
  std::string_view Get(Tag tag) const;
  bool Has(Tag tag) const;
  // The first value when there are several.
  std::string_view First(Tag tag) const;
  // First() as a number: digits with optional sign, blanks and a fraction of zeros ("3", " 3 ", "3.0"); else nullopt.
  std::optional<int64_t> Number(Tag tag) const;

  bool empty() const { return blob_.empty(); }
  // In order of tags.
  void ForEach(const std::function<void(Tag, std::string_view)>& visit) const;
  // Takes over what `other` has and this one has not.
  void MergeMissing(const Attributes& other);
  void ShrinkToFit() { blob_.shrink_to_fit(); }
  // Room for `count` values of `text_bytes` bytes together.
  void Reserve(size_t count, size_t text_bytes);

  // A stable, compact form for the persistent cache; Parse gives nullopt for anything that Serialize did not write
  // (records cut off, out of order or twice, text that is not UTF-8).
  const std::string& Serialize() const { return blob_; }
  static std::optional<Attributes> Parse(std::string_view blob);

  friend bool operator==(const Attributes& a, const Attributes& b) { return a.blob_ == b.blob_; }
  friend auto operator<=>(const Attributes& a, const Attributes& b) { return a.blob_ <=> b.blob_; }

 private:
  std::string blob_;  // records {tag u32, length u32, text}, ordered by tag; integers little-endian
  size_t last_ = 0;   // where the last record begins, unless blob_ is empty
};

}  // namespace trolley

#endif  // TROLLEY_DICOM_ATTRIBUTES_H_
