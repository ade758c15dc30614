#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "search/assemble.h"
#include "search/mint/mint_client.h"
#include "search/mint/mint_reference.h"
#include "search/mint/mint_rows.h"
#include "search/mint/mint_url.h"
#include "search/mint/mint_xml.h"
#include "trolley/error.h"
#include "trolley/searchers.h"

namespace trolley {
namespace {

// Vitrea Connection: one request, whose response has the attributes.
class Vitrea : public MintDialectSearcher {
 public:
  Vitrea(const MintOptions& options, MintClient& client) : options_(options), client_(client) {}

  std::vector<Attributes> Collect(const Query& query, const Context& context) override {
    const MintUrl url = MakeVitreaUrl(query, options_);
    const std::string doing = MintClient::Doing(query);
    if (query.limit()) {
      const uint64_t wanted = uint64_t{*query.limit()} + query.offset().value_or(0);
      const MintSearchResult result = Ask(query, url, wanted, doing, context);
      std::vector<Attributes> rows = RowsOf(query, url, result);
      if (rows.size() >= wanted || (CountRows(result) < wanted && !IsCropped(result))) {
        return rows;
      }
      // What the limit let through does not all match: what does may come behind it.
    }
    MintSearchResult result = Ask(query, url, std::nullopt, doing, context);
    if (IsCropped(result)) {  // by a limit of the server's own; it may take another one
      result = Ask(query, url, options_.max_rows, doing, context);
      // Just as many as our own limit lets through: nobody knows whether there are more.
      if (IsCropped(result) || result.studies.size() >= options_.max_rows) {
        throw Error(ErrorCode::kTooMany,
                    StrCat("Cannot ", doing, ": the server gives only the first ", result.studies.size(),
                           " studies; narrow the search, or raise the server's limit"));
      }
    }
    return RowsOf(query, url, result);
  }

 private:
  MintSearchResult Ask(const Query& query, const MintUrl& url, std::optional<uint64_t> limit, const std::string& doing,
                       const Context& context) {
    std::vector<std::string> terms = url.terms;
    if (limit) {
      terms.push_back(StrCat("limit=", *limit));
    }
    std::optional<std::string> body = client_.Search(terms, doing, context);
    return body ? ParseMintSearch(*std::move(body), query.level()) : MintSearchResult();
  }

  static bool IsCropped(const MintSearchResult& result) {
    return result.limit && *result.limit > 0 && result.studies.size() >= *result.limit;
  }

  // Of studies or of the query's level, whichever the server counts.
  static size_t CountRows(const MintSearchResult& result) {
    size_t series = 0;
    size_t instances = 0;
    for (const MintStudy& study : result.studies) {
      series += study.node.children.size();
      for (const MintNode& each : study.node.children) {
        instances += each.children.size();
      }
    }
    return std::max({result.studies.size(), series, instances});
  }

  static std::vector<Attributes> RowsOf(const Query& query, const MintUrl& url, const MintSearchResult& result) {
    std::vector<const MintNode*> studies;
    for (const MintStudy& study : result.studies) {
      studies.push_back(&study.node);
    }
    return MintRows(query, url.filtered, false, studies);
  }

  const MintOptions& options_;
  MintClient& client_;
};

class Mint : public Searcher {
 public:
  Mint(MintOptions options, std::shared_ptr<HttpClient> http)
      : options_(std::move(options)), client_(options_.url, std::move(http)) {
    if (options_.dialect == MintDialect::kVitrea) {
      dialect_ = std::make_unique<Vitrea>(options_, client_);
    } else {
      dialect_ = MakeMintReferenceSearcher(options_, client_);
    }
  }

  SearchResult Find(const Query& query, const Context& context) override {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + options_.query_timeout);
    try {
      return Assemble(query, Window(query, AllRows(query, limited)));
    } catch (const Error& error) {
      const std::string doing = StrCat("Cannot ", MintClient::Doing(query));
      if (std::string_view(error.what()).starts_with(doing)) {
        throw;
      }
      throw Error(error.code(), StrCat(doing, ": ", error.what()));
    }
  }

 private:
  // A list of studies is asked for one by one: MINT knows no lists.
  std::vector<Attributes> AllRows(const Query& query, const Context& context) {
    const std::string_view uids = query.Get(tag::kStudyInstanceUID);
    if (uids.find('\\') == std::string_view::npos) {
      return Checked(query, dialect_->Collect(query, context));
    }
    std::vector<Attributes> all;
    for (const std::string_view uid : Split(uids, '\\')) {
      Query one = query;
      one.Where(tag::kStudyInstanceUID, uid).SetLimit(std::nullopt).SetOffset(std::nullopt);
      for (Attributes& row : dialect_->Collect(one, context)) {
        all.push_back(std::move(row));
      }
    }
    return Checked(query, std::move(all));
  }

  std::vector<Attributes> Checked(const Query& query, std::vector<Attributes> rows) const {
    if (rows.size() > options_.max_rows) {
      throw Error(ErrorCode::kTooMany, StrCat("Cannot ", MintClient::Doing(query), ": the result has more than ",
                                              options_.max_rows, " rows; narrow the search"));
    }
    return rows;
  }

  // MINT has no offset that counts rows, and its limit counts studies.
  static std::vector<Attributes> Window(const Query& query, std::vector<Attributes> rows) {
    const auto first = std::min<size_t>(query.offset().value_or(0), rows.size());
    // What only the first row of a study or series says.
    if (first > 0 && first < rows.size()) {
      for (size_t i = 0; i < first; ++i) {
        if (rows[i].Get(tag::kStudyInstanceUID) == rows[first].Get(tag::kStudyInstanceUID)) {
          rows[first].MergeMissing(OfParents(query.level(), rows[i], rows[first]));
        }
      }
    }
    rows.erase(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first));
    if (query.limit() && *query.limit() < rows.size()) {
      rows.resize(*query.limit());
    }
    return rows;
  }

  static Attributes OfParents(Level level, const Attributes& row, const Attributes& of) {
    const bool same_series = row.Get(tag::kSeriesInstanceUID) == of.Get(tag::kSeriesInstanceUID);
    Attributes parents;
    row.ForEach([&](Tag tag, std::string_view value) {
      const Level of_tag = LevelOf(tag);
      if (of_tag == Level::kStudy || (level == Level::kInstance && same_series && of_tag == Level::kSeries)) {
        parents.Set(tag, value);
      }
    });
    return parents;
  }

  const MintOptions options_;
  MintClient client_;
  std::unique_ptr<MintDialectSearcher> dialect_;
};

}  // namespace

std::unique_ptr<Searcher> MakeMintSearcher(MintOptions options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<Mint>(std::move(options), std::move(http));
}

}  // namespace trolley
