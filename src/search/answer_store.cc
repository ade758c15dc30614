#include "search/answer_store.h"

#include <memory>
#include <utility>

#include "base/checksum.h"

namespace trolley {
namespace {

// magic, body, XXH3-128 of both. Numbers are LEB128, texts have their length before them. The body:
//   microseconds since 1970 (zigzag), studies; each: UID, attributes, series; each: UID, attributes, instances; each:
//   UID, attributes, size + 1 or 0
constexpr std::string_view kMagic = "trolley answer 1";
constexpr size_t kChecksumSize = 16;
constexpr int64_t kMaxMicroseconds = 9000000000000000;  // what nanoseconds in 64 bits can hold

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
  void Text(std::string_view text) {
    Number(text.size());
    out_.append(text);
  }
  void Row(const Uid& uid, const Attributes& attributes) {
    Text(uid.str());
    Text(attributes.Serialize());
  }
  std::string Finish() && {
    out_.append(ChecksumOf(out_));
    return std::move(out_);
  }

 private:
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
  Uid ReadUid() {
    const std::string_view text = Text();
    auto uid = Uid::Parse(text);
    if (!uid || uid->str() != text) {
      throw Malformed();
    }
    return *std::move(uid);
  }
  Attributes ReadAttributes() {
    auto attributes = Attributes::Parse(Text());
    if (!attributes) {
      throw Malformed();
    }
    return *std::move(attributes);
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

constexpr size_t kLeastRow = 4;  // lengths of two texts, a UID of a character, a number

Instance ReadInstance(Reader& reader) {
  Uid uid = reader.ReadUid();
  Attributes attributes = reader.ReadAttributes();
  const uint64_t size = reader.Number();
  return {std::move(uid), std::move(attributes), size == 0 ? std::nullopt : std::optional(size - 1)};
}

Series ReadSeries(Reader& reader) {
  Uid uid = reader.ReadUid();
  Series series{std::move(uid), reader.ReadAttributes(), {}};
  const size_t count = reader.Count(kLeastRow);
  series.instances.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    series.instances.push_back(ReadInstance(reader));
  }
  return series;
}

Study ReadStudy(Reader& reader) {
  Uid uid = reader.ReadUid();
  Study study{std::move(uid), reader.ReadAttributes(), {}};
  const size_t count = reader.Count(kLeastRow);
  study.series.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    study.series.push_back(ReadSeries(reader));
  }
  return study;
}

DatedAnswer ReadAnswer(Reader& reader) {
  const uint64_t zigzag = reader.Number();
  const int64_t microseconds = static_cast<int64_t>(zigzag >> 1) ^ -static_cast<int64_t>(zigzag & 1);
  if (microseconds > kMaxMicroseconds || microseconds < -kMaxMicroseconds) {
    throw Malformed();
  }
  Studies studies;
  const size_t count = reader.Count(kLeastRow);
  studies.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    studies.push_back(ReadStudy(reader));
  }
  if (!reader.AtEnd()) {
    throw Malformed();
  }
  const std::chrono::system_clock::time_point asked_at{std::chrono::microseconds(microseconds)};
  return {std::make_shared<const Studies>(std::move(studies)), asked_at};
}

}  // namespace

std::string SerializeAnswer(const DatedAnswer& answer) {
  Writer writer;
  const auto since_1970 = answer.asked_at.time_since_epoch();
  const int64_t microseconds = std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count();
  writer.Number(static_cast<uint64_t>(microseconds) << 1 ^ static_cast<uint64_t>(microseconds >> 63));
  writer.Number(answer.answer->size());
  for (const Study& study : *answer.answer) {
    writer.Row(study.uid, study.attributes);
    writer.Number(study.series.size());
    for (const Series& series : study.series) {
      writer.Row(series.uid, series.attributes);
      writer.Number(series.instances.size());
      for (const Instance& instance : series.instances) {
        writer.Row(instance.uid, instance.attributes);
        writer.Number(instance.size ? *instance.size + 1 : 0);
      }
    }
  }
  return std::move(writer).Finish();
}

std::optional<DatedAnswer> ParseAnswer(std::string_view stored) {
  if (stored.size() < kMagic.size() + kChecksumSize || !stored.starts_with(kMagic)) {
    return std::nullopt;
  }
  const std::string_view summed = stored.substr(0, stored.size() - kChecksumSize);
  if (ChecksumOf(summed) != stored.substr(summed.size())) {
    return std::nullopt;
  }
  try {
    Reader reader(summed.substr(kMagic.size()));
    return ReadAnswer(reader);
  } catch (const Malformed&) {
    return std::nullopt;
  }
}

}  // namespace trolley
