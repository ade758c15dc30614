#include "trolley/attributes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <new>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// A record is a tag, the length of a text, and the text. The tag is one byte for those that archives return, its place
// among them, else kOther and four bytes; the length is in groups of 7 bits, the lowest first (LEB128).
constexpr std::array kUsual = {
    0x00020010u, 0x00080005u, 0x00080008u, 0x00080012u, 0x00080013u, 0x00080016u, 0x00080018u, 0x00080020u, 0x00080021u,
    0x00080022u, 0x00080023u, 0x0008002Au, 0x00080030u, 0x00080031u, 0x00080032u, 0x00080033u, 0x00080050u, 0x00080052u,
    0x00080054u, 0x00080056u, 0x00080060u, 0x00080061u, 0x00080062u, 0x00080070u, 0x00080080u, 0x00080090u, 0x00080201u,
    0x00081010u, 0x00081030u, 0x0008103Eu, 0x00081040u, 0x00081090u, 0x00081190u, 0x00100010u, 0x00100020u, 0x00100030u,
    0x00100032u, 0x00100040u, 0x00101010u, 0x00180010u, 0x00180015u, 0x00180050u, 0x00181030u, 0x0020000Du, 0x0020000Eu,
    0x00200010u, 0x00200011u, 0x00200012u, 0x00200013u, 0x00200032u, 0x00200037u, 0x00200052u, 0x00201041u, 0x00201200u,
    0x00201202u, 0x00201204u, 0x00201206u, 0x00201208u, 0x00201209u, 0x00280002u, 0x00280008u, 0x00280010u, 0x00280011u,
    0x00280030u, 0x00280100u, 0x00280101u, 0x0040E001u};
constexpr unsigned char kOther = 0xFF;
static_assert(kUsual.size() < kOther);
static_assert(std::is_sorted(kUsual.begin(), kUsual.end()));

constexpr size_t kSerializedHead = 8;
constexpr size_t kMaxRecordHead = 10;
constexpr size_t kMaxBytes = std::numeric_limits<uint32_t>::max();

// Byte by byte, so that a cache can be moved to a machine with other byte order; compilers make one instruction of it.
uint32_t ReadU32(const char* at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  }
  return value;
}

char* WriteU32(char* out, uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) {
    *out++ = static_cast<char>(value >> (8 * i) & 0xFF);
  }
  return out;
}

void AppendU32(std::string& out, uint32_t value) {
  std::array<char, 4> bytes;
  WriteU32(bytes.data(), value);
  out.append(bytes.data(), bytes.size());
}

// Writes the beginning of a record; gives where its text goes.
char* WriteHead(char* out, Tag tag, size_t length) {
  const auto usual = std::lower_bound(kUsual.begin(), kUsual.end(), tag.value);
  if (usual != kUsual.end() && *usual == tag.value) {
    *out++ = static_cast<char>(usual - kUsual.begin());
  } else {
    *out++ = static_cast<char>(kOther);
    out = WriteU32(out, tag.value);
  }
  for (; length >= 0x80; length >>= 7) {
    *out++ = static_cast<char>(length | 0x80);
  }
  *out++ = static_cast<char>(length);
  return out;
}

// A record's place among well-formed ones.
struct Record {
  size_t begin;
  Tag tag;
  std::string_view text;
  size_t end;
};

Record RecordAt(std::string_view records, size_t begin) {
  const char* at = records.data() + begin;
  const auto place = static_cast<unsigned char>(*at++);
  uint32_t tag = 0;
  if (place == kOther) {
    tag = ReadU32(at);
    at += 4;
  } else {
    tag = kUsual[place];
  }
  size_t length = 0;
  for (unsigned shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    length |= size_t{byte & 0x7FU} << shift;
    if (byte < 0x80) {
      break;
    }
  }
  const auto text = static_cast<size_t>(at - records.data());
  return {begin, Tag{tag}, records.substr(text, length), text + length};
}

// The first record whose tag is not below `tag`; nullopt when there is none.
std::optional<Record> LowerBound(std::string_view records, Tag tag) {
  for (size_t at = 0; at < records.size();) {
    const Record record = RecordAt(records, at);
    if (record.tag >= tag) {
      return record;
    }
    at = record.end;
  }
  return std::nullopt;
}

std::optional<std::string_view> Find(std::string_view records, Tag tag) {
  const auto record = LowerBound(records, tag);
  if (!record || record->tag != tag) {
    return std::nullopt;
  }
  return record->text;
}

bool PointsInto(std::string_view owner, std::string_view text) {
  const std::less<const char*> before;
  return !text.empty() && !before(text.data(), owner.data()) && before(text.data(), owner.data() + owner.size());
}

}  // namespace

Attributes::Attributes(std::initializer_list<std::pair<Tag, std::string_view>> values) {
  for (const auto& [tag, value] : values) {
    Set(tag, value);
  }
}

Attributes::Attributes(const Attributes& other) {
  if (!other.empty()) {
    SetCapacity(other.block_->size);
    std::memcpy(begin(), other.records().data(), other.block_->size);
    block_->size = other.block_->size;
    block_->last = other.block_->last;
  }
}

Attributes& Attributes::operator=(const Attributes& other) {
  return *this = Attributes(other);
}

Attributes& Attributes::operator=(Attributes&& other) noexcept {
  std::swap(block_, other.block_);
  return *this;
}

std::string_view Attributes::records() const {
  return block_ == nullptr ? std::string_view() : std::string_view(reinterpret_cast<char*>(block_ + 1), block_->size);
}

// Keeps the records; nothing has changed when it throws.
void Attributes::SetCapacity(size_t capacity) {
  if (capacity > kMaxBytes) {
    throw Error(ErrorCode::kTooMany, "Cannot keep attributes: together they are longer than 4 GiB");
  }
  auto* block = static_cast<Block*>(std::realloc(block_, sizeof(Block) + capacity));
  if (block == nullptr) {
    throw std::bad_alloc();
  }
  if (block_ == nullptr) {
    *block = {0, 0, 0};
  }
  block->capacity = static_cast<uint32_t>(capacity);
  block_ = block;
}

void Attributes::Set(Tag tag, std::string_view value) {
  if (value.size() > kMaxBytes) {
    throw Error(ErrorCode::kTooMany, StrCat("Cannot keep ", TagHex(tag), ": its text is longer than 4 GiB"));
  }
  if (PointsInto(records(), value)) {
    Set(tag, std::string(value));
    return;
  }
  std::array<char, kMaxRecordHead> head;
  const auto head_size = static_cast<size_t>(WriteHead(head.data(), tag, value.size()) - head.data());
  const size_t added = head_size + value.size();
  const size_t size = records().size();
  // Where the record goes, and the end of the one that it replaces.
  size_t place = size;
  size_t behind = size;
  size_t last = size;
  if (size != 0) {
    const Record end = RecordAt(records(), block_->last);
    if (end.tag >= tag) {
      const Record at = end.tag == tag ? end : *LowerBound(records(), tag);  // exists: the last tag is not below
      place = at.begin;
      behind = at.tag == tag ? at.end : at.begin;
      last = end.tag == tag ? end.begin : block_->last + added - (behind - place);
    }
  }
  const size_t new_size = size + added - (behind - place);
  if (block_ == nullptr || block_->capacity < new_size) {
    SetCapacity(block_ == nullptr || size == 0 ? new_size : std::max(new_size, std::min(size * 3 / 2, kMaxBytes)));
  }
  std::memmove(begin() + place + added, begin() + behind, size - behind);
  std::memcpy(begin() + place, head.data(), head_size);
  std::copy(value.begin(), value.end(), begin() + place + head_size);
  block_->size = static_cast<uint32_t>(new_size);
  block_->last = static_cast<uint32_t>(last);
}

void Attributes::ShrinkToFit() {
  if (block_ != nullptr && block_->size == 0) {
    std::free(std::exchange(block_, nullptr));
  } else if (block_ != nullptr && block_->capacity > block_->size) {
    SetCapacity(block_->size);
  }
}

std::string_view Attributes::Get(Tag tag) const {
  return Find(records(), tag).value_or(std::string_view());
}

bool Attributes::Has(Tag tag) const {
  return Find(records(), tag).has_value();
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
  const std::string_view all = records();
  for (size_t at = 0; at < all.size();) {
    const Record record = RecordAt(all, at);
    visit(record.tag, record.text);
    at = record.end;
  }
}

void Attributes::MergeMissing(const Attributes& other) {
  const std::string_view all = records();
  Attributes merged;
  merged.SetCapacity(all.size() + other.records().size());
  size_t mine = 0;
  other.ForEach([&](Tag tag, std::string_view text) {
    while (mine < all.size() && RecordAt(all, mine).tag < tag) {
      const Record record = RecordAt(all, mine);
      merged.Set(record.tag, record.text);
      mine = record.end;
    }
    if (mine >= all.size() || RecordAt(all, mine).tag != tag) {
      merged.Set(tag, text);
    }
  });
  while (mine < all.size()) {
    const Record record = RecordAt(all, mine);
    merged.Set(record.tag, record.text);
    mine = record.end;
  }
  *this = std::move(merged);
}

void Attributes::Reserve(size_t count, size_t text_bytes) {
  constexpr size_t kUsualHead = 2;
  const size_t bytes = count * kUsualHead + text_bytes;
  if (bytes > (block_ == nullptr ? 0 : block_->capacity)) {
    SetCapacity(bytes);
  }
}

std::string Attributes::Serialize() const {
  std::string serialized;
  serialized.reserve(2 * records().size());
  ForEach([&](Tag tag, std::string_view text) {
    AppendU32(serialized, tag.value);
    AppendU32(serialized, static_cast<uint32_t>(text.size()));
    serialized.append(text);
  });
  return serialized;
}

std::optional<Attributes> Attributes::Parse(std::string_view serialized) {
  Attributes attributes;
  std::optional<Tag> previous;
  for (size_t at = 0; at < serialized.size();) {
    if (serialized.size() - at < kSerializedHead ||
        serialized.size() - at - kSerializedHead < ReadU32(serialized.data() + at + 4)) {
      return std::nullopt;
    }
    const Tag tag{ReadU32(serialized.data() + at)};
    const std::string_view text = serialized.substr(at + kSerializedHead, ReadU32(serialized.data() + at + 4));
    if ((previous && tag <= *previous) || !IsValidUtf8(text)) {
      return std::nullopt;
    }
    attributes.Set(tag, text);
    previous = tag;
    at += kSerializedHead + text.size();
  }
  attributes.ShrinkToFit();
  return attributes;
}

}  // namespace trolley
