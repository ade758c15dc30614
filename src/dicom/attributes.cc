#include "dicom/attributes.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr size_t kHeader = 8;

// Byte by byte, so that a cache can be moved to a machine with other byte order; compilers make one instruction of it.
uint32_t ReadU32(const char* at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  }
  return value;
}

void AppendU32(std::string& out, uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
  }
}

// A record's place in a well-formed blob.
struct Record {
  size_t begin;
  Tag tag;
  std::string_view text;
  size_t end() const { return begin + kHeader + text.size(); }
};

Record RecordAt(std::string_view blob, size_t begin) {
  const uint32_t length = ReadU32(blob.data() + begin + 4);
  return {begin, Tag{ReadU32(blob.data() + begin)}, blob.substr(begin + kHeader, length)};
}

// The first record whose tag is not below `tag`; nullopt when there is none.
std::optional<Record> LowerBound(std::string_view blob, Tag tag) {
  for (size_t at = 0; at < blob.size();) {
    const Record record = RecordAt(blob, at);
    if (record.tag >= tag) {
      return record;
    }
    at = record.end();
  }
  return std::nullopt;
}

std::optional<std::string_view> Find(std::string_view blob, Tag tag) {
  const auto record = LowerBound(blob, tag);
  if (!record || record->tag != tag) {
    return std::nullopt;
  }
  return record->text;
}

bool PointsInto(const std::string& owner, std::string_view text) {
  const std::less<const char*> before;
  return !text.empty() && !before(text.data(), owner.data()) && before(text.data(), owner.data() + owner.size());
}

}  // namespace

Attributes::Attributes(std::initializer_list<std::pair<Tag, std::string_view>> values) {
  for (const auto& [tag, value] : values) {
    Set(tag, value);
  }
}

void Attributes::Set(Tag tag, std::string_view value) {
  if (value.size() > std::numeric_limits<uint32_t>::max()) {
    throw Error(ErrorCode::kTooMany, StrCat("Cannot keep ", TagHex(tag), ": its text is longer than 4 GiB"));
  }
  if (PointsInto(blob_, value)) {
    Set(tag, std::string(value));
    return;
  }
  if (blob_.empty()) {
    last_ = 0;
  }
  if (blob_.empty() || RecordAt(blob_, last_).tag < tag) {
    const size_t begin = blob_.size();
    blob_.reserve(begin + kHeader + value.size());  // nothing below can fail and leave half a record
    AppendU32(blob_, tag.value);
    AppendU32(blob_, static_cast<uint32_t>(value.size()));
    blob_.append(value);
    last_ = begin;
    return;
  }
  std::string record;
  AppendU32(record, tag.value);
  AppendU32(record, static_cast<uint32_t>(value.size()));
  record.append(value);
  const Record last = RecordAt(blob_, last_);
  const Record place = last.tag == tag ? last : *LowerBound(blob_, tag);  // exists: the last tag is above
  const size_t replaced = place.tag == tag ? place.end() - place.begin : 0;
  blob_.replace(place.begin, replaced, record);
  if (place.begin < last_) {
    last_ = last_ - replaced + record.size();
  } else if (replaced == 0) {
    last_ += record.size();  // inserted just before the last
  }
}

std::string_view Attributes::Get(Tag tag) const {
  return Find(blob_, tag).value_or(std::string_view());
}

bool Attributes::Has(Tag tag) const {
  return Find(blob_, tag).has_value();
}

std::string_view Attributes::First(Tag tag) const {
  const std::string_view text = Get(tag);
  return text.substr(0, text.find('\\'));
}

std::optional<int64_t> Attributes::Number(Tag tag) const {
  std::string_view text = Trim(First(tag));
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  const size_t point = text.find('.');
  if (point != std::string_view::npos) {
    if (text.find_first_not_of('0', point + 1) != std::string_view::npos) {
      return std::nullopt;
    }
    text = text.substr(0, point);
  }
  const auto magnitude = ParseUint(text);
  if (!magnitude || *magnitude > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return std::nullopt;
  }
  const auto value = static_cast<int64_t>(*magnitude);
  return negative ? -value : value;
}

void Attributes::ForEach(const std::function<void(Tag, std::string_view)>& visit) const {
  for (size_t at = 0; at < blob_.size();) {
    const Record record = RecordAt(blob_, at);
    visit(record.tag, record.text);
    at = record.end();
  }
}

void Attributes::MergeMissing(const Attributes& other) {
  Attributes merged;
  merged.blob_.reserve(blob_.size() + other.blob_.size());
  size_t mine = 0;
  other.ForEach([&](Tag tag, std::string_view text) {
    while (mine < blob_.size() && RecordAt(blob_, mine).tag < tag) {
      const Record record = RecordAt(blob_, mine);
      merged.Set(record.tag, record.text);
      mine = record.end();
    }
    if (mine >= blob_.size() || RecordAt(blob_, mine).tag != tag) {
      merged.Set(tag, text);
    }
  });
  while (mine < blob_.size()) {
    const Record record = RecordAt(blob_, mine);
    merged.Set(record.tag, record.text);
    mine = record.end();
  }
  *this = std::move(merged);
}

void Attributes::Reserve(size_t count, size_t text_bytes) {
  blob_.reserve(count * kHeader + text_bytes);
}

std::optional<Attributes> Attributes::Parse(std::string_view blob) {
  std::optional<Tag> previous;
  size_t last = 0;
  for (size_t at = 0; at < blob.size();) {
    if (blob.size() - at < kHeader || blob.size() - at - kHeader < ReadU32(blob.data() + at + 4)) {
      return std::nullopt;
    }
    const Record record = RecordAt(blob, at);
    if ((previous && record.tag <= *previous) || !IsValidUtf8(record.text)) {
      return std::nullopt;
    }
    previous = record.tag;
    last = at;
    at = record.end();
  }
  Attributes attributes;
  attributes.blob_ = blob;
  attributes.last_ = last;
  return attributes;
}

}  // namespace trolley
