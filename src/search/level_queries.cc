#include "search/level_queries.h"

namespace trolley {

void IncludeStudyAttributes(Query& query) {
  for (const Tag tag : {tag::kPatientName, tag::kPatientID, tag::kStudyDate, tag::kStudyTime, tag::kStudyDescription,
                        tag::kModalitiesInStudy}) {
    query.Include(tag);
  }
}

Query StudyQuery(const StudyReference& study) {
  Query query = Query::ForStudy(study, Level::kSeries);
  // The study's date is the series' where that has none.
  for (const Tag tag : {tag::kSeriesNumber, tag::kModality, tag::kSeriesDescription, tag::kSeriesDate, tag::kSeriesTime,
                        tag::kStudyDate, tag::kStudyTime}) {
    query.Include(tag);
  }
  return query;
}

Query SeriesQuery(const SeriesReference& series) {
  return Query::ForSeries(series).Include(tag::kInstanceNumber).IncludeSize();
}

}  // namespace trolley
