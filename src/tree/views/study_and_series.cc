#include "tree/views/study_and_series.h"

#include <utility>

#include "search/level_queries.h"

namespace trolley {

std::unique_ptr<const Rows> SeriesView::MakeRows(const Directory& directory, SearchResult result) const {
  return std::make_unique<InstanceRows>(std::move(result), *directory.series, style());
}

Query SeriesView::ListingQuery(const Directory& directory) const {
  return SeriesQuery(*directory.series);
}

std::optional<Query> SeriesView::QueryForUid(const Directory& directory, const Uid& uid) const {
  return std::move(ListingQuery(directory).Where(tag::kSOPInstanceUID, uid.str()));
}

std::unique_ptr<const Rows> StudyView::MakeRows(const Directory& directory, SearchResult result) const {
  return std::make_unique<SeriesRows>(std::move(result), directory.study->study, style(), &series_view_);
}

Query StudyView::ListingQuery(const Directory& directory) const {
  return StudyQuery(*directory.study);
}

std::optional<Query> StudyView::QueryForUid(const Directory& directory, const Uid& uid) const {
  return std::move(ListingQuery(directory).Where(tag::kSeriesInstanceUID, uid.str()));
}

}  // namespace trolley
