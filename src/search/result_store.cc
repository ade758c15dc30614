#include "search/result_store.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/text.h"

namespace trolley {
namespace {

// magic, body, XXH3-128 of both. Numbers are LEB128, texts have their length before them. The body:
//   microseconds since 1970 (zigzag), studies; each: row, series; each: row, instances; each: row, size + 1 or 0
// A row is its UID and its attributes: how many; each: tag, text. Rows repeat what the one before them at their level
// had, so a UID, and the text of a tag that this one had as well, are how many bytes are the same as there, and the
// rest; and instead of the number of attributes 0 says that the tags are the same (else it is the number + 1).
constexpr std::string_view kMagic = "trolley answer 2";  // on disk: must stay
constexpr size_t kChecksumSize = 16;
constexpr int64_t kMaxMicroseconds = 9000000000000000;  // what nanoseconds in 64 bits can hold
constexpr uint64_t kMaxExpanded = uint64_t{2} << 30;    // bytes of texts in one result

// The row that the next one of its level is compared with.
struct Previous {
  std::string uid;
  Attributes attributes;
};

bool HaveSameTags(const Attributes& a, const Attributes& b) {
  std::vector<Tag> tags;
  a.ForEach([&](Tag tag, std::string_view) { tags.push_back(tag); });
  size_t same = 0;
  size_t count = 0;
  b.ForEach([&](Tag tag, std::string_view) {
    same += count < tags.size() && tags[count] == tag ? 1 : 0;
    ++count;
  });
  return count == tags.size() && same == count;
}

class Writer {
 public:
  Writer() : out_(kMagic) {}

  void Number(uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }
  void Row(const Uid& uid, const Attributes& attributes, Previous& previous) {
    Difference(uid.str(), previous.uid);
    const bool same_tags = HaveSameTags(attributes, previous.attributes);
    if (same_tags) {
      Number(0);
    } else {
      uint64_t count = 0;
      attributes.ForEach([&](Tag, std::string_view) { ++count; });
      Number(count + 1);
    }
    attributes.ForEach([&](Tag tag, std::string_view text) {
      if (!same_tags) {
        Number(tag.value);
      }
      Difference(text, previous.attributes.Get(tag));
    });
    previous = {uid.str(), attributes};
  }
  std::string Finish() && {
    out_.append(ChecksumOf(out_));
    return std::move(out_);
  }

 private:
  void Difference(std::string_view text, std::string_view before) {
    const size_t most = std::min(text.size(), before.size());
    const auto differs = std::mismatch(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(most), before.begin());
    const auto same = static_cast<size_t>(differs.first - text.begin());
    Number(same);
    Number(text.size() - same);
    out_.append(text.substr(same));
  }

  std::string out_;
};

struct Malformed {};

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  uint64_t Number() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) {
        break;
      }
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) {
        break;
      }
      value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw Malformed();
  }
  // A number of things that take at least `bytes_each`: what cannot be there is not allocated.
  size_t Count(size_t bytes_each) {
    const uint64_t count = Number();
    if (count > rest_.size() / bytes_each) {
      throw Malformed();
    }
    return count;
  }
  std::string_view Text() {
    const uint64_t size = Number();
    if (size > rest_.size()) {
      throw Malformed();
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  // Takes the place of `previous`.
  void Row(Previous& previous) {
    std::string uid = Difference(previous.uid);
    uint64_t count = Number();
    Attributes attributes;
    if (count == 0) {
      previous.attributes.ForEach(
          [&](Tag tag, std::string_view before) { attributes.Set(tag, ValidText(Difference(before))); });
    } else {
      std::optional<Tag> last;
      for (--count; count > 0; --count) {
        const uint64_t value = Number();
        const Tag tag{static_cast<uint32_t>(value)};
        if (value > std::numeric_limits<uint32_t>::max() || (last && tag <= *last)) {
          throw Malformed();
        }
        attributes.Set(tag, ValidText(Difference(previous.attributes.Get(tag))));
        last = tag;
      }
    }
    attributes.ShrinkToFit();
    previous = {std::move(uid), std::move(attributes)};
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string Difference(std::string_view before) {
    const uint64_t same = Number();
    if (same > before.size()) {
      throw Malformed();
    }
    const std::string_view rest = Text();
    expanded_ += same + rest.size();
    if (expanded_ > kMaxExpanded) {
      throw Malformed();
    }
    std::string text(before.substr(0, same));
    return text.append(rest);
  }
  static const std::string& ValidText(const std::string& text) {
    if (!IsValidUtf8(text)) {
      throw Malformed();
    }
    return text;
  }

  std::string_view rest_;
  uint64_t expanded_ = 0;
};

constexpr size_t kLeastRow = 4;  // two numbers of a UID's difference, attributes, and what is below it

Uid ToUid(const std::string& text) {
  auto uid = Uid::Parse(text);
  if (!uid || uid->str() != text) {
    throw Malformed();
  }
  return *std::move(uid);
}

// The latest row of each level.
struct Latest {
  Previous study;
  Previous series;
  Previous instance;
};

Instance ReadInstance(Reader& reader, Latest& latest) {
  reader.Row(latest.instance);
  const uint64_t size = reader.Number();
  return {ToUid(latest.instance.uid), latest.instance.attributes, size == 0 ? std::nullopt : std::optional(size - 1)};
}

Series ReadSeries(Reader& reader, Latest& latest) {
  reader.Row(latest.series);
  Series series{ToUid(latest.series.uid), latest.series.attributes, {}};
  const size_t count = reader.Count(kLeastRow);
  series.instances.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    series.instances.push_back(ReadInstance(reader, latest));
  }
  return series;
}

Study ReadStudy(Reader& reader, Latest& latest) {
  reader.Row(latest.study);
  Study study{ToUid(latest.study.uid), latest.study.attributes, {}};
  const size_t count = reader.Count(kLeastRow);
  study.series.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    study.series.push_back(ReadSeries(reader, latest));
  }
  return study;
}

ResultWithTime ReadResult(Reader& reader) {
  const uint64_t zigzag = reader.Number();
  const int64_t microseconds = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
  if (microseconds > kMaxMicroseconds || microseconds < -kMaxMicroseconds) {
    throw Malformed();
  }
  Studies studies;
  Latest latest;
  const size_t count = reader.Count(kLeastRow);
  studies.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    studies.push_back(ReadStudy(reader, latest));
  }
  if (!reader.AtEnd()) {
    throw Malformed();
  }
  const std::chrono::system_clock::time_point fetched_at{std::chrono::microseconds(microseconds)};
  return {std::make_shared<const Studies>(std::move(studies)), fetched_at};
}

}  // namespace

std::string SerializeResult(const ResultWithTime& result) {
  Writer writer;
  Latest latest;
  const auto since_1970 = result.fetched_at.time_since_epoch();
  const int64_t microseconds = std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count();
  writer.Number(static_cast<uint64_t>(microseconds) << 1 ^ static_cast<uint64_t>(microseconds >> 63));
  writer.Number(result.studies->size());
  for (const Study& study : *result.studies) {
    writer.Row(study.uid, study.attributes, latest.study);
    writer.Number(study.series.size());
    for (const Series& series : study.series) {
      writer.Row(series.uid, series.attributes, latest.series);
      writer.Number(series.instances.size());
      for (const Instance& instance : series.instances) {
        writer.Row(instance.uid, instance.attributes, latest.instance);
        writer.Number(instance.size ? *instance.size + 1 : 0);
      }
    }
  }
  return std::move(writer).Finish();
}

std::optional<ResultWithTime> ParseResult(std::string_view stored) {
  if (stored.size() < kMagic.size() + kChecksumSize || !stored.starts_with(kMagic)) {
    return std::nullopt;
  }
  const std::string_view summed = stored.substr(0, stored.size() - kChecksumSize);
  if (ChecksumOf(summed) != stored.substr(summed.size())) {
    return std::nullopt;
  }
  try {
    Reader reader(summed.substr(kMagic.size()));
    return ReadResult(reader);
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

}  // namespace trolley
