#include "search/mint/mint_reference.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"
#include "base/text.h"
#include "search/mint/mint_fields.h"
#include "search/mint/mint_rows.h"
#include "search/mint/mint_url.h"
#include "search/mint/mint_xml.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxPages = 100000;
constexpr size_t kMaxRemembered = 20000;  // studies; a few hundred bytes each

// The progress of one query through the pages.
struct Paging {
  uint64_t page_size = 0;
  uint64_t page = 1;  // the server's offset counts pages, from 1
  bool done = false;
  std::string first;  // of the first page
  std::unordered_set<std::string> seen;
};

class ReferenceSearcher : public MintDialectSearcher {
 public:
  ReferenceSearcher(const MintOptions& options, MintClient& client) : options_(options), client_(client) {}

  std::vector<Attributes> Collect(const Query& query, const Context& context) override {
    const MintUrl url = MakeReferenceUrl(query, options_);
    const std::string doing = MintClient::Doing(query);
    const bool narrow = !url.terms.empty() || url.filtered.empty();
    std::optional<uint64_t> wanted;
    if (query.limit()) {
      wanted = uint64_t{*query.limit()} + query.offset().value_or(0);
    }
    std::vector<Attributes> rows;
    Paging paging;
    paging.page_size = options_.page_size;
    for (size_t pages = 0; pages < kMaxPages; ++pages) {
      const std::vector<MintStudy> studies = NextPage(query, url, doing, paging, context);
      for (const MintStudy& study : studies) {
        context.Check("search");
        AddStudy(query, url, study, doing, rows, context);
        if (wanted && rows.size() >= *wanted) {
          return rows;
        }
      }
      CheckCounts(doing, rows.size(), paging.seen.size(), narrow);
      if (studies.empty()) {
        return rows;
      }
    }
    throw Error(ErrorCode::kTooMany, StrCat("Cannot ", doing, ": the server never ends its list"));
  }

 private:
  void CheckCounts(const std::string& doing, size_t rows, size_t studies, bool narrow) const {
    if (rows > options_.max_rows || studies > options_.max_rows) {
      throw Error(ErrorCode::kTooMany, StrCat("Cannot ", doing, ": the result has more than ", options_.max_rows,
                                              " rows; narrow the search"));
    }
    if (!narrow && studies > options_.max_scanned_studies) {
      throw Error(
          ErrorCode::kTooMany,
          StrCat("Cannot ", doing, ": the server searches by none of these, and more than ",
                 options_.max_scanned_studies,
                 " studies would have to be looked at; add a PatientID, AccessionNumber or range of StudyDate"));
    }
  }

  // --- Pages ---

  // Studies that no page brought before; none when there are no more.
  std::vector<MintStudy> NextPage(const Query& query, const MintUrl& url, const std::string& doing, Paging& paging,
                                  const Context& context) {
    if (paging.done) {
      return {};
    }
    MintSearchResult result = Page(url, doing, paging.page_size, paging.page, context);
    const size_t arrived = result.studies.size();
    const std::string first = arrived > 0 ? result.studies.front().uuid : "";
    if (paging.page == 1) {
      paging.first = first;
      // More than was asked for: the server knows no limit.
      paging.done =
          arrived == 0 || arrived > paging.page_size || (arrived < paging.page_size && IsWhole(query, result, paging));
      paging.page_size = std::min<uint64_t>(paging.page_size, arrived);  // if not all there is, then all it gives
    } else if (arrived > 0 && first == paging.first) {
      throw Error(ErrorCode::kTooMany, StrCat("Cannot ", doing, ": the server gives no pages after the first ", arrived,
                                              " studies; narrow the search, or raise the server's limit"));
    }
    std::vector<MintStudy> studies = New(std::move(result.studies), paging);
    if (studies.empty() && !paging.done) {
      paging.done = true;
      Learn(paging.seen.size());
      // The latest change comes first: a study that was changed meanwhile has moved to a page that was read before.
      return New(Page(url, doing, paging.page_size, 1, context).studies, paging);
    }
    ++paging.page;
    return studies;
  }

  // Whether a page that is not full is all there is. The server tells the limit that it applied.
  bool IsWhole(const Query& query, const MintSearchResult& result, const Paging& paging) const {
    const bool one_study = result.studies.size() == 1 && !query.Get(tag::kStudyInstanceUID).empty();
    return result.limit == paging.page_size || one_study ||
           longest_whole_.load(std::memory_order_relaxed) > result.studies.size();
  }

  MintSearchResult Page(const MintUrl& url, const std::string& doing, uint64_t size, uint64_t page,
                        const Context& context) {
    std::vector<std::string> terms = url.terms;
    terms.push_back(StrCat("limit=", size));
    terms.push_back(StrCat("offset=", page));
    std::optional<std::string> body = client_.Search(terms, doing, context);
    return body ? ParseMintSearch(*std::move(body), Level::kStudy) : MintSearchResult();
  }

  static std::vector<MintStudy> New(std::vector<MintStudy> studies, Paging& paging) {
    std::erase_if(studies, [&](const MintStudy& study) {
      if (study.uuid.empty()) {
        throw Error(ErrorCode::kProtocol, "Cannot read the response of the MINT server: a study has no UUID");
      }
      return !paging.seen.insert(study.uuid).second;
    });
    return studies;
  }

  void Learn(size_t count) {
    size_t known = longest_whole_.load(std::memory_order_relaxed);
    while (known < count && !longest_whole_.compare_exchange_weak(known, count, std::memory_order_relaxed)) {
    }
  }

  // --- Metadata ---

  void AddStudy(const Query& query, const MintUrl& url, const MintStudy& study, const std::string& doing,
                std::vector<Attributes>& rows, const Context& context) {
    const std::optional<MintNode> node = NodeOf(query, study, doing, context);
    if (!node) {
      LogInfo(StrCat("The archive lists a study that it does not have: ", study.uuid));
      return;
    }
    for (Attributes& row : MintRows(query, url.filtered, true, {&*node})) {
      rows.push_back(std::move(row));
    }
  }

  std::optional<MintNode> NodeOf(const Query& query, const MintStudy& study, const std::string& doing,
                                 const Context& context) {
    const std::string key = StrCat(study.uuid, " ", study.version);
    const bool usual = query.level() == Level::kStudy &&
                       std::all_of(query.include_fields().begin(), query.include_fields().end(), IsUsual) &&
                       std::all_of(query.keys().begin(), query.keys().end(), [](auto& k) { return IsUsual(k.first); });
    if (usual) {
      const MutexLock lock(mutex_);
      if (const auto known = studies_.find(key); known != studies_.end()) {
        return MintNode{known->second, {}};
      }
    }
    std::optional<std::string> xml =
        client_.Study(study.uuid, StrCat(PercentEncode(options_.study_type), "/metadata"), doing, context);
    if (!xml) {
      return std::nullopt;
    }
    const auto keep = [&](Tag tag) {
      const auto& wished = query.include_fields();
      return IsUsual(tag) || std::binary_search(wished.begin(), wished.end(), tag) || !query.Get(tag).empty();
    };
    MintNode node = ParseMintMetadata(*std::move(xml), Level::kInstance, keep);
    AddComputedAttributes(node);
    if (usual) {
      const MutexLock lock(mutex_);
      if (studies_.size() >= kMaxRemembered) {
        studies_.clear();
      }
      studies_[key] = node.attributes;
    }
    return node;
  }

  // What is kept of the metadata in any case: a search result is no copy of the archive.
  static bool IsUsual(Tag tag) { return IsMintField(tag, Level::kInstance); }

  const MintOptions& options_;
  MintClient& client_;
  std::atomic<size_t> longest_whole_{0};  // studies in a complete response
  Mutex mutex_;
  std::unordered_map<std::string, Attributes> studies_
      TROLLEY_GUARDED_BY(mutex_);  // by UUID and version: their metadata are long
};

}  // namespace

std::unique_ptr<MintDialectSearcher> MakeMintReferenceSearcher(const MintOptions& options, MintClient& client) {
  return std::make_unique<ReferenceSearcher>(options, client);
}

}  // namespace trolley
