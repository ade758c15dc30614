#include "search/result_memory.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "search/assemble.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr Tag kSOPClassesInStudy{0x00080062};

size_t CountRows(const Studies& studies) {
  size_t rows = 1 + studies.size();
  for (const Study& study : studies) {
    rows += study.series.size();
    for (const Series& series : study.series) {
      rows += series.instances.size();
    }
  }
  return rows;
}

// Whether the studies that a query finds come with all that lies below them, down to its level.
bool FindsWholeStudies(const Query& query) {
  if (query.level() == Level::kStudy) {
    return true;
  }
  if (query.limit() || query.offset()) {
    return false;
  }
  return std::all_of(query.keys().begin(), query.keys().end(), [](const auto& key) {
    // Some archives take these two for the modality of a series when a series is asked for.
    return LevelOf(key.first) == Level::kStudy && key.first != tag::kModalitiesInStudy &&
           key.first != kSOPClassesInStudy;
  });
}

// What PS3.4 tables C.6-2 and C.6-3 require of a response at these levels (besides the UIDs).
constexpr Tag kRequiredOfStudies[] = {tag::kStudyDate,   tag::kStudyTime, tag::kAccessionNumber,
                                      tag::kPatientName, tag::kPatientID, tag::kStudyID};
constexpr Tag kRequiredOfSeries[] = {tag::kModality, tag::kSeriesNumber};

// The result of a deeper query may lack attributes of the levels above. It covers this level when it has those that the
// level must have, and those that the query includes.
template <size_t n>
bool Describes(const Attributes& attributes, const Tag (&required)[n], Level level, const Query& query) {
  const auto has = [&](Tag tag) { return attributes.Has(tag); };
  return std::all_of(std::begin(required), std::end(required), has) &&
         std::all_of(query.include_fields().begin(), query.include_fields().end(),
                     [&](Tag tag) { return LevelOf(tag) != level || has(tag); });
}

// The study as a result of `query`, whose level is `depth` or above; null when it does not cover it.
SearchResult Cover(const Query& query, const Study& study, Level depth) {
  const bool from_deeper = depth > query.level();
  if (from_deeper && !Describes(study.attributes, kRequiredOfStudies, Level::kStudy, query)) {
    return nullptr;
  }
  Study covering{study.uid, study.attributes, {}};
  if (query.level() > Level::kStudy) {
    const std::string_view wanted = query.Get(tag::kSeriesInstanceUID);
    for (const Series& series : study.series) {
      if (!wanted.empty() && series.uid.str() != wanted) {
        continue;
      }
      if (from_deeper && !Describes(series.attributes, kRequiredOfSeries, Level::kSeries, query)) {
        return nullptr;
      }
      if (from_deeper) {
        covering.series.push_back({series.uid, series.attributes, {}});
      } else {
        covering.series.push_back(series);
      }
    }
    if (!wanted.empty() && covering.series.empty()) {
      return nullptr;  // that it is not there is for the archive to say
    }
  }
  return std::make_shared<const Studies>(Studies{std::move(covering)});
}

// The study, when the query asks for one study or one of its series by UID alone.
std::optional<Uid> AskedStudy(const Query& query) {
  const size_t series_keys = query.Get(tag::kSeriesInstanceUID).empty() ? 0 : 1;
  if (query.limit() || query.offset() || query.keys().size() != 1 + series_keys ||
      (series_keys == 1 && (query.level() == Level::kStudy || !Uid::Parse(query.Get(tag::kSeriesInstanceUID))))) {
    return std::nullopt;
  }
  return Uid::Parse(query.Get(tag::kStudyInstanceUID));
}

}  // namespace

const RememberedResult* ResultMemory::Find(const Query& query) {
  const auto found = by_query_.find(query);
  if (found == by_query_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return &found->second->remembered;
}

void ResultMemory::Insert(RememberedResult remembered) {
  if (const auto found = by_query_.find(remembered.query); found != by_query_.end()) {
    Erase(found->second);
  }
  const size_t rows = CountRows(*remembered.studies);
  const bool whole = FindsWholeStudies(remembered.query);
  entries_.push_front({std::move(remembered), rows, whole});
  const auto entry = entries_.begin();
  by_query_.emplace(entry->remembered.query, entry);
  rows_ += rows;
  if (whole) {
    const Studies& studies = *entry->remembered.studies;
    for (size_t position = 0; position < studies.size(); ++position) {
      by_study_.emplace(std::hash<Uid>()(studies[position].uid), Place{entry, position});
    }
  }
  while (rows_ > max_rows_ && entries_.size() > 1) {
    Erase(std::prev(entries_.end()));
  }
}

std::optional<RememberedResult> ResultMemory::FindCovering(const Query& query, const IsFresh& is_fresh) const {
  const std::optional<Uid> study = AskedStudy(query);
  if (!study) {
    return std::nullopt;
  }
  std::vector<Place> places;
  const auto [begin, end] = by_study_.equal_range(std::hash<Uid>()(*study));
  for (auto it = begin; it != end; ++it) {
    const RememberedResult& known = it->second.entry->remembered;
    const auto& fields = known.query.include_fields();
    if ((*known.studies)[it->second.position].uid == *study && known.query.level() >= query.level() &&
        (query.includes_size() || !known.query.includes_size()) &&
        std::includes(fields.begin(), fields.end(), query.include_fields().begin(), query.include_fields().end()) &&
        is_fresh(known)) {
      places.push_back(it->second);
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.entry->remembered.fetched_at > b.entry->remembered.fetched_at;
  });
  for (const Place& place : places) {
    const RememberedResult& known = place.entry->remembered;
    if (SearchResult covering = Cover(query, (*known.studies)[place.position], known.query.level())) {
      return RememberedResult{query, std::move(covering), known.fetched_at, known.generation};
    }
  }
  return std::nullopt;
}

void ResultMemory::Erase(Entries::iterator entry) {
  if (entry->holds_whole_studies) {
    for (const Study& study : *entry->remembered.studies) {
      const auto [begin, end] = by_study_.equal_range(std::hash<Uid>()(study.uid));
      const auto place =
          std::find_if(begin, end, [&](const auto& candidate) { return candidate.second.entry == entry; });
      if (place != end) {
        by_study_.erase(place);
      }
    }
  }
  rows_ -= entry->rows;
  by_query_.erase(entry->remembered.query);
  entries_.erase(entry);
}

}  // namespace trolley
