#include <algorithm>
#include <atomic>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text.h"
#include "search/assemble.h"
#include "search/qido/qido_rows.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/searchers.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr size_t kMaxOneByOne = 16;  // more studies: one relational query, and rows of other studies are left out
constexpr uint32_t kMaxWalk =
    1000;  // studies or series that are searched one by one, when the server can do nothing else

// An archive computes these for each study: matching them at another level is left to chance.
bool IsComputedForStudies(Tag tag) {
  constexpr Tag kSOPClassesInStudy{0x00080062};
  return tag == tag::kModalitiesInStudy || tag == kSOPClassesInStudy || tag == tag::kNumberOfStudyRelatedSeries ||
         tag == tag::kNumberOfStudyRelatedInstances;
}

bool Names(const Query& query, Tag tag) {
  return Uid::Parse(query.Get(tag)).has_value();
}

class QidoRs : public Searcher {
 public:
  QidoRs(const QidoRsOptions& options, std::shared_ptr<HttpClient> http)
      : query_timeout_(options.query_timeout),
        relational_(QidoProfileOf(options.profile).relational),
        instances_of_study_(relational_.load()),
        rows_(options, std::move(http)) {}

  SearchResult Find(const Query& query, const Context& context) override {
    Context limited = context;
    limited.deadline = std::min(context.deadline, Clock::now() + query_timeout_);
    return Assemble(query, Collect(query, limited));
  }

 private:
  using Rows = std::vector<Attributes>;

  // By one search where the server supports that, else parent by parent.
  Rows Collect(const Query& query, const Context& context) {
    const bool computed = std::any_of(query.keys().begin(), query.keys().end(),
                                      [](auto& key) { return IsComputedForStudies(key.first); });
    if (query.level() == Level::kStudy || (!computed && CanSearch(query))) {
      QidoRows::Result result = rows_.Collect(query, context);
      if (result.not_relational.empty()) {
        return std::move(result.rows);
      }
      LearnRefusal(query, result.not_relational);
    }
    return ByParents(query, Names(query, tag::kStudyInstanceUID) && !computed ? Level::kSeries : Level::kStudy,
                     context);
  }

  bool CanSearch(const Query& query) const {
    if (!Names(query, tag::kStudyInstanceUID)) {
      return relational_.load(std::memory_order_relaxed);
    }
    return query.level() == Level::kSeries || Names(query, tag::kSeriesInstanceUID) ||
           instances_of_study_.load(std::memory_order_relaxed);
  }

  void LearnRefusal(const Query& query, const std::string& reason) {
    std::atomic<bool>& ability = Names(query, tag::kStudyInstanceUID) ? instances_of_study_ : relational_;
    if (ability.exchange(false, std::memory_order_relaxed)) {
      LogInfo(StrCat("Parents are searched first from now on: ", reason));
    }
  }

  // Searches studies or series first, then what they hold.
  Rows ByParents(const Query& query, Level parent_level, const Context& context) {
    const Tag parent_tag = parent_level == Level::kStudy ? tag::kStudyInstanceUID : tag::kSeriesInstanceUID;
    const bool one_by_one = parent_level == Level::kSeries || !relational_.load(std::memory_order_relaxed);
    Query parents(parent_level);
    Query rest(query.level());
    parents.SetFuzzy(query.fuzzy());
    rest.SetFuzzy(query.fuzzy());
    if (one_by_one) {
      parents.SetLimit(kMaxWalk + 1);
    }
    for (const auto& [tag, value] : query.keys()) {
      if (LevelOf(tag) <= parent_level) {
        parents.Where(tag, value);
      }
      if (!IsComputedForStudies(tag)) {
        rest.Where(tag, value);
      }
    }
    for (const Tag tag : query.include_fields()) {
      LevelOf(tag) <= parent_level ? parents.Include(tag) : rest.Include(tag);
    }
    std::unordered_map<std::string, Attributes> found;
    std::vector<std::string> order;
    for (Attributes& row : Collect(parents, context)) {
      std::string uid(row.Get(parent_tag));
      if (found.try_emplace(uid, std::move(row)).second) {
        order.push_back(std::move(uid));
      }
    }
    Rows rows = OfParents(rest, parent_level, parent_tag, order, context);
    std::erase_if(rows, [&](const Attributes& row) {
      const std::string parent(row.Get(parent_tag));
      if (parent.empty()) {
        throw Error(ErrorCode::kProtocol, StrCat("Cannot find ", query.Describe(), ": the archive does not say which ",
                                                 LevelName(parent_level), " a row belongs to; search one ",
                                                 LevelName(parent_level), " per query"));
      }
      return !found.contains(parent);
    });
    rows_.CheckCount(query, rows.size());
    rows = QidoRows::Cut(std::move(rows), {query.limit(), query.offset().value_or(0)});
    for (Attributes& row : rows) {  // each parent's own attributes, once
      if (auto parent = found.extract(std::string(row.Get(parent_tag)))) {
        row.MergeMissing(parent.mapped());
      }
    }
    return rows;
  }

  // The rows of these parents, and perhaps of others; each names its parent.
  Rows OfParents(const Query& query, Level level, Tag parent, const std::vector<std::string>& uids,
                 const Context& context) {
    if (uids.size() > kMaxOneByOne && level == Level::kStudy && relational_.load(std::memory_order_relaxed)) {
      QidoRows::Result result = rows_.Collect(query, context);
      if (result.not_relational.empty()) {
        return std::move(result.rows);
      }
      LearnRefusal(query, result.not_relational);
    }
    if (uids.size() > kMaxWalk) {
      throw Error(ErrorCode::kTooMany,
                  StrCat("Cannot ", QidoClient::Doing(query), ": the server searches one ", LevelName(level),
                         " per query, and more than ", kMaxWalk, " match; narrow the search"));
    }
    Query below(query.level());  // without keys of the parents, which some servers do not accept below them
    below.SetFuzzy(query.fuzzy());
    for (const auto& [key, value] : query.keys()) {
      if (LevelOf(key) > level || key == tag::kStudyInstanceUID) {
        below.Where(key, value);
      }
    }
    for (const Tag field : query.include_fields()) {
      below.Include(field);
    }
    Rows all;
    for (const std::string& uid : uids) {
      context.Check("search");
      Query of_one = below;
      of_one.Where(parent, uid);
      for (Attributes& row : Collect(of_one, context)) {
        if (row.Get(parent).empty()) {
          row.Set(parent, uid);
        }
        all.push_back(std::move(row));
      }
      rows_.CheckCount(query, all.size());
    }
    return all;
  }

  const std::chrono::milliseconds query_timeout_;
  std::atomic<bool> relational_;          // the server searches without the study's UID
  std::atomic<bool> instances_of_study_;  // and instances without the series'
  QidoRows rows_;
};

}  // namespace

std::unique_ptr<Searcher> MakeQidoRsSearcher(QidoRsOptions options, std::shared_ptr<HttpClient> http) {
  return std::make_unique<QidoRs>(options, std::move(http));
}

}  // namespace trolley
