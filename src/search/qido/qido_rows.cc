#include "search/qido/qido_rows.h"

#include <algorithm>
#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/index_set.h"
#include "base/text.h"
#include "dicom/matching.h"
#include "search/assemble.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr size_t kMaxPages = 100000;  // a server that invents rows for ever ends by this or by max_rows

// The address of what a row describes; parents that it does not repeat are the same for all rows.
std::string RowKey(const Attributes& row) {
  return StrCat(row.Get(tag::kStudyInstanceUID), "/", row.Get(tag::kSeriesInstanceUID), "/",
                row.Get(tag::kSOPInstanceUID));
}

// The rows of a result by what they describe.
class SeenRows {
 public:
  explicit SeenRows(std::vector<Attributes>& rows) : rows_(rows) {
    for (uint32_t i = 0; i < rows.size(); ++i) {
      Insert(i, rows[i]);
    }
  }
  // Appends `row` unless there is one of what it describes.
  void Add(Attributes row) {
    if (Insert(static_cast<uint32_t>(rows_.size()), row)) {
      rows_.push_back(std::move(row));
    }
  }

 private:
  static size_t Hash(const Attributes& row) { return std::hash<std::string>()(RowKey(row)); }
  bool Insert(uint32_t index, const Attributes& row) {
    return set_
        .Insert(
            index, Hash(row), [&](uint32_t other) { return RowKey(rows_[other]) == RowKey(row); },
            [&](uint32_t other) { return Hash(rows_[other]); })
        .second;
  }

  std::vector<Attributes>& rows_;
  IndexSet set_;
};

// Ends the transfer of a response that ignores offset and limit and repeats the first one: only an exception can stop a
// transfer from inside.
struct RepeatedResponse {};

// Its UIDs are those of one study, series or instance.
bool NamesOne(const Query& query) {
  constexpr std::array kPath = {tag::kStudyInstanceUID, tag::kSeriesInstanceUID, tag::kSOPInstanceUID};
  return std::all_of(kPath.begin(), kPath.end(),
                     [&](Tag tag) { return LevelOf(tag) > query.level() || Uid::Parse(query.Get(tag)).has_value(); });
}

// Whether these rows suffice, even if the server has more.
bool Suffices(const Query& query, const QidoRows::Window& window, const std::vector<Attributes>& rows) {
  std::optional<uint64_t> wanted = window.limit;
  if (window.offset == 0 && NamesOne(query)) {
    wanted = std::min<uint64_t>(wanted.value_or(1), 1);
  }
  if (!wanted || rows.size() < *wanted) {
    return false;
  }
  const auto kept = std::count_if(rows.begin(), rows.end(), [&](auto& row) { return !Contradicts(query, row); });
  return static_cast<uint64_t>(kept) >= *wanted;
}

Error Cropped(const Query& query) {
  return {ErrorCode::kTooMany, StrCat("Cannot ", QidoClient::Doing(query),
                                      ": the server gives only a part of the result; narrow the search, or raise the "
                                      "server's limit")};
}

// Removes rows that contradict the query; true when there were such. Throws kUnsupported when the rows do not show
// whether the server used a key.
bool Check(const Query& query, const QidoUrl& url, std::vector<Attributes>& rows) {
  bool filtered = false;
  for (const auto& [tag, value] : query.keys()) {
    const bool in_path = std::find(url.in_path.begin(), url.in_path.end(), tag) != url.in_path.end();
    if (rows.empty() || in_path || IsHierarchyUid(tag) || IsUniversal(value)) {
      continue;
    }
    const Tag key = tag;
    if (std::none_of(rows.begin(), rows.end(), [&](const Attributes& row) { return row.Has(key); })) {
      throw Error(ErrorCode::kUnsupported, StrCat("Cannot ", QidoClient::Doing(query), ": the server does not return ",
                                                  TagName(tag), ", so it may not have searched by it"));
    }
    Query one(query.level());
    one.Where(tag, value).SetFuzzy(query.fuzzy());
    const size_t before = rows.size();
    std::erase_if(rows, [&](const Attributes& row) { return Contradicts(one, row); });
    // The server matches more loosely than the query: then a row without the attribute is not a match either.
    const bool loose =
        rows.size() != before || std::find(url.widened.begin(), url.widened.end(), tag) != url.widened.end();
    if (loose) {
      std::erase_if(rows, [&](const Attributes& row) { return !row.Has(key); });
    }
    filtered = filtered || rows.size() != before;
  }
  const size_t before = rows.size();
  std::erase_if(rows, [&](const Attributes& row) { return Contradicts(query, row); });
  return filtered || rows.size() != before;
}

}  // namespace

QidoRows::QidoRows(const QidoRsOptions& options, std::shared_ptr<HttpClient> http)
    : options_(options), profile_(QidoProfileOf(options.profile)), client_(options.url, profile_, std::move(http)) {}

QidoRows::Result QidoRows::Collect(const Query& query, const Context& context) {
  const QidoUrl url = MakeQidoUrl(query, client_.Decodes(query, context), profile_);
  if (query.fuzzy() && !url.widened.empty()) {
    throw Error(ErrorCode::kUnsupported,
                StrCat("Cannot ", QidoClient::Doing(query), ": the server cannot match these characters fuzzily"));
  }
  const auto all_pages = [&](const Window& window) {
    Result result = AllPages(query, url, window, context);
    const std::vector<Attributes>& rows = result.rows;
    if (result.not_relational.empty() && profile_.max_rows > 0 && window.offset + rows.size() >= profile_.max_rows &&
        !Suffices(query, window, rows)) {
      throw Cropped(query);
    }
    return result;
  };
  const Window wanted{query.limit(), query.offset().value_or(0)};
  if (url.widened.empty() && (wanted.limit || wanted.offset > 0)) {
    Result result = all_pages(wanted);
    if (!result.not_relational.empty()) {
      return result;
    }
    const bool filtered = Check(query, url, result.rows);
    if (!filtered || wanted.offset == 0) {
      return {Cut(std::move(result.rows), {wanted.limit, 0})};
    }
    // The server counts rows that do not match: its offset is not ours.
  }
  Result result = all_pages({});
  if (!result.not_relational.empty()) {
    return result;
  }
  Check(query, url, result.rows);
  return {Cut(std::move(result.rows), wanted)};
}

std::vector<Attributes> QidoRows::Cut(std::vector<Attributes> rows, const Window& window) {
  const auto first = static_cast<std::ptrdiff_t>(std::min<uint64_t>(window.offset, rows.size()));
  rows.erase(rows.begin(), rows.begin() + first);
  if (window.limit && *window.limit < rows.size()) {
    rows.resize(*window.limit);
  }
  return rows;
}

// As the server sends them.
QidoRows::Result QidoRows::AllPages(const Query& query, const QidoUrl& url, const Window& window,
                                    const Context& context) {
  QidoPage first = FirstPage(query, url, window, context);
  if (!first.not_relational.empty()) {
    return {{}, std::move(first.not_relational)};
  }
  std::vector<Attributes> rows = std::move(first.rows);
  completeness_.Learn(query, rows);
  CheckCount(query, rows.size());
  if (Suffices(query, window, rows) || (rows.empty() && !first.more_promised)) {
    return {std::move(rows)};
  }
  std::optional<uint64_t> expected;
  if (!window.limit && window.offset == 0) {
    expected = completeness_.Expected(query);
  }
  if (!first.more_promised && expected == rows.size()) {
    completeness_.GaveAll(query.level(), rows.size());
    return {std::move(rows)};
  }
  const Progress progress{rows.size(), rows.size(), first.more_promised, expected && *expected > rows.size(), false};
  const bool more_promised = progress.warned || progress.more_counted;
  if (!more_promised && (completeness_.cannot_page() || completeness_.GivesMoreThan(query.level(), rows.size()))) {
    return {std::move(rows)};
  }
  if (rows.empty() || completeness_.cannot_page()) {
    throw Cropped(query);
  }
  AddPages(query, url, window, progress, rows, context);
  return {std::move(rows)};
}

uint64_t QidoRows::PageSize(const Query& query, uint64_t wanted) const {
  const uint32_t most = profile_.MaxPage(query.level());
  return most > 0 ? std::min<uint64_t>(wanted, most) : wanted;
}

QidoPage QidoRows::FirstPage(const Query& query, const QidoUrl& url, const Window& window, const Context& context) {
  if (window.limit) {
    if (std::optional<QidoPage> page =
            client_.TryFetch(query, url, PageSize(query, *window.limit), window.offset, context)) {
      return *std::move(page);
    }
    // Higher than the server's own limit, perhaps: then it may choose, and what is too much is cut off here.
  }
  std::optional<uint64_t> limit;
  if (!window.limit && profile_.MaxPage(query.level()) > 0) {
    limit = PageSize(query, options_.page_size);
  }
  return client_.Fetch(query, url, limit, window.offset, context);
}

// Requests the pages after `rows`, until a page brings nothing new.
void QidoRows::AddPages(const Query& query, const QidoUrl& url, const Window& window, Progress progress,
                        std::vector<Attributes>& rows, const Context& context) {
  SeenRows seen(rows);
  uint64_t page_size = PageSize(query, std::min<uint64_t>(options_.page_size, window.limit.value_or(UINT64_MAX)));
  for (size_t pages = 0; pages < kMaxPages; ++pages) {
    const uint64_t offset = window.offset + progress.received;
    const size_t before = rows.size();
    uint64_t received = 0;
    bool repeats_first = false;
    // A server may send everything again: that must not be in memory twice.
    const auto each = [&](Attributes row) {
      repeats_first = repeats_first || (received == 0 && RowKey(row) == RowKey(rows.front()));
      ++received;
      seen.Add(std::move(row));
      if (repeats_first && received > page_size && rows.size() == before) {
        throw RepeatedResponse{};
      }
    };
    const auto fetch = [&]() -> std::optional<QidoPage> {
      try {
        return client_.TryFetch(query, url, page_size, offset, context, each);
      } catch (const RepeatedResponse&) {
        return QidoPage();
      }
    };
    std::optional<QidoPage> page = fetch();
    if (!page && page_size > progress.first_count) {
      page_size = progress.first_count;  // Azure refuses a limit over 200
      page = fetch();
    }
    if (!page) {
      PagesRefused(query, progress);
      return;
    }
    if (!page->not_relational.empty()) {
      throw Error(ErrorCode::kUnsupported, page->not_relational);
    }
    progress.received += received;
    progress.repeats_first = repeats_first;
    completeness_.Learn(query, std::span(rows).subspan(before));
    CheckCount(query, rows.size());
    if (rows.size() == before) {
      NoMorePages(query, window, progress, rows.size());
      return;
    }
    if (Suffices(query, window, rows)) {
      return;
    }
    progress.warned = page->more_promised;
    progress.more_counted = false;
  }
  throw Cropped(query);
}

void QidoRows::PagesRefused(const Query& query, const Progress& progress) {
  if (progress.warned || progress.more_counted || progress.received > progress.first_count) {
    throw Cropped(query);
  }
  completeness_.CannotPage();
}

void QidoRows::NoMorePages(const Query& query, const Window& window, const Progress& progress, size_t rows) {
  if (progress.repeats_first) {
    completeness_.CannotPage();
  }
  // A parent's count may be out of date when the server itself says that nothing follows; its Warning is not.
  if (progress.warned || (progress.repeats_first && progress.more_counted)) {
    throw Cropped(query);
  }
  if (progress.more_counted) {
    LogWarning(StrCat("The archive counts more than it lists: ", query.Describe()));
  }
  if (rows == progress.first_count && !progress.repeats_first && !window.limit) {
    completeness_.GaveAll(query.level(), rows);
  }
}

void QidoRows::CheckCount(const Query& query, size_t rows) const {
  if (rows > options_.max_rows) {
    throw Error(ErrorCode::kTooMany, StrCat("Cannot ", QidoClient::Doing(query), ": the result has more than ",
                                            options_.max_rows, " rows; narrow the search"));
  }
}

}  // namespace trolley
