#include "search/qido/qido_result.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr size_t kMaxCounts = 50000;  // a few MB
constexpr uint64_t kMaxBody = uint64_t{512} << 20;
constexpr size_t kMaxText = 64 * 1024;

bool ContainsAny(const std::string& text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text.find(word) != std::string::npos) {
      return true;
    }
  }
  return false;
}

// PS3.18 2024d §8.3.4.4 and §10.6.3: "There are N additional results that can be requested", "The number of results
// exceeded the maximum supported by the server", "The fuzzymatching parameter is not supported".
void ReadWarnings(const HttpHead& head, std::string_view doing, QidoPage& page) {
  for (const auto& [name, value] : head.headers) {
    if (name != "warning") {
      continue;
    }
    const std::string text = AsciiLower(value);
    if (ContainsAny(text, {"fuzzy"})) {
      page.not_fuzzy = true;
    } else if (ContainsAny(text, {"additional result", "more result", "exceed", "truncat", "incomplete"})) {
      page.more_promised = true;
    } else {
      LogWarning(StrCat("The archive warned (", doing, "): ", TruncateUtf8(IsValidUtf8(value) ? value : "?", 200)));
    }
  }
}

bool IsSuccess(int status) {
  return status >= 200 && status <= 299;
}

}  // namespace

QidoReader::QidoReader(std::string doing, DicomJsonReader::OnRow each)
    : doing_(std::move(doing)),
      json_(each ? std::move(each) : [this](Attributes row) { page_.rows.push_back(std::move(row)); }) {}

void QidoReader::OnHead(const HttpHead& head) {
  head_ = head;
  if (IsSuccess(head.status) && AsciiLower(head.Header("content-type")).find("json") != std::string::npos) {
    kind_ = Kind::kJson;
  }
}

void QidoReader::OnBody(std::span<const std::byte> piece) {
  std::string_view text(reinterpret_cast<const char*>(piece.data()), piece.size());
  received_ += piece.size();
  if (received_ > kMaxBody) {
    throw Error(ErrorCode::kTooMany,
                StrCat("Cannot ", doing_, ": the response is longer than ", kMaxBody, " bytes; narrow the search"));
  }
  if (head_.status == 204) {
    return;
  }
  if (!IsSuccess(head_.status)) {
    text_.append(text.substr(0, kMaxText - std::min(kMaxText, text_.size())));
    return;
  }
  if (kind_ == Kind::kUnknown) {
    const std::string_view begin = Trim(text);
    if (begin.empty()) {
      return;
    }
    kind_ = begin.front() == '[' || begin.front() == '{' ? Kind::kJson : Kind::kOther;
  }
  if (kind_ == Kind::kJson) {
    Parse([&] { json_.Read(text); });
  }
}

QidoPage QidoReader::Finish() {
  page_.more_promised = head_.status == 206;
  ReadWarnings(head_, doing_, page_);
  const std::string_view type = head_.Header("content-type");
  if (head_.status == 204 || (kind_ == Kind::kUnknown && type.empty())) {
    return std::move(page_);
  }
  if (kind_ != Kind::kJson) {
    throw Error(ErrorCode::kProtocol,
                StrCat("Cannot ", doing_, ": the server responded with ", type.empty() ? "text" : type,
                       " instead of DICOM JSON; check the URL of the archive"));
  }
  Parse([&] { json_.Finish(); });
  return std::move(page_);
}

template <typename F>
void QidoReader::Parse(F&& parse) const {
  try {
    parse();
  } catch (const Error& error) {
    throw Error(error.code(), StrCat("Cannot ", doing_, ": ", error.what()));
  }
}

std::string QidoCompleteness::Key(std::string_view study, std::string_view series) {
  return StrCat(study, "/", series);
}

void QidoCompleteness::Learn(const Query& query, std::span<const Attributes> rows) {
  if (query.level() == Level::kInstance) {
    return;
  }
  const bool series_level = query.level() == Level::kSeries;
  const Tag count_tag = series_level ? tag::kNumberOfSeriesRelatedInstances : tag::kNumberOfStudyRelatedSeries;
  const MutexLock lock(mutex_);
  for (const Attributes& row : rows) {
    const std::optional<int64_t> count = row.Number(count_tag);
    std::string_view study = row.Get(tag::kStudyInstanceUID);
    if (study.empty()) {
      study = query.Get(tag::kStudyInstanceUID);
    }
    const std::string_view series = series_level ? row.Get(tag::kSeriesInstanceUID) : std::string_view();
    if (!count || *count < 0 || study.empty() || (series_level && series.empty())) {
      continue;
    }
    if (counts_.size() >= kMaxCounts) {
      counts_.clear();
    }
    counts_[Key(study, series)] = static_cast<uint64_t>(*count);
  }
}

std::optional<uint64_t> QidoCompleteness::Expected(const Query& query) const {
  const bool instances = query.level() == Level::kInstance;
  const std::string_view study = query.Get(tag::kStudyInstanceUID);
  const std::string_view series = query.Get(tag::kSeriesInstanceUID);
  if (query.level() == Level::kStudy || query.keys().size() != (instances ? 2u : 1u) || study.empty() ||
      series.empty() == instances) {
    return std::nullopt;
  }
  const MutexLock lock(mutex_);
  const auto at = counts_.find(Key(study, series));
  return at == counts_.end() ? std::nullopt : std::optional(at->second);
}

bool QidoCompleteness::GivesMoreThan(Level level, size_t rows) const {
  return longest_whole_[static_cast<size_t>(level)].load(std::memory_order_relaxed) > rows;
}

void QidoCompleteness::GaveAll(Level level, size_t rows) {
  std::atomic<size_t>& longest = longest_whole_[static_cast<size_t>(level)];
  size_t known = longest.load(std::memory_order_relaxed);
  while (known < rows && !longest.compare_exchange_weak(known, rows, std::memory_order_relaxed)) {
  }
}

}  // namespace trolley
