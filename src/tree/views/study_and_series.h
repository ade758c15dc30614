#ifndef TROLLEY_TREE_VIEWS_STUDY_AND_SERIES_H_
#define TROLLEY_TREE_VIEWS_STUDY_AND_SERIES_H_

#include <memory>

#include "tree/view.h"

namespace trolley {

// <study>/<series>/<instance>.dcm: the same below all top-level views.
class SeriesView : public QueryView {
 public:
  using QueryView::QueryView;
  std::unique_ptr<const Rows> MakeRows(const Directory& directory, SearchResult result) const override;

 protected:
  Query ListingQuery(const Directory& directory) const override;
  std::optional<Query> QueryForUid(const Directory& directory, const Uid& uid) const override;
  bool lists_files() const override { return true; }
};

class StudyView : public QueryView {
 public:
  explicit StudyView(NameStyle style) : QueryView(style), series_view_(style) {}
  std::unique_ptr<const Rows> MakeRows(const Directory& directory, SearchResult result) const override;

 protected:
  Query ListingQuery(const Directory& directory) const override;
  std::optional<Query> QueryForUid(const Directory& directory, const Uid& uid) const override;

 private:
  const SeriesView series_view_;
};

}  // namespace trolley

#endif  // TROLLEY_TREE_VIEWS_STUDY_AND_SERIES_H_
