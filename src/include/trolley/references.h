#ifndef TROLLEY_REFERENCES_H_
#define TROLLEY_REFERENCES_H_

#include <compare>
#include <functional>
#include <string>
#include <variant>

#include "trolley/uid.h"

namespace trolley {

// Full addresses, because a SOPInstanceUID alone is not unique in real archives (the same SeriesUID exists in two
// studies).
struct StudyReference {
  Uid study;
  auto operator<=>(const StudyReference&) const = default;
};

struct SeriesReference {
  Uid study;
  Uid series;
  auto operator<=>(const SeriesReference&) const = default;
};

struct InstanceReference {
  Uid study;
  Uid series;
  Uid instance;  // SOPInstanceUID
  SeriesReference series_reference() const { return {study, series}; }
  auto operator<=>(const InstanceReference&) const = default;
};

// A study, a series or an instance, by its address alone.
using Reference = std::variant<StudyReference, SeriesReference, InstanceReference>;

// "1.2", "1.2/3.4", "1.2/3.4/5.6"
std::string ToString(const Reference& reference);

}  // namespace trolley

template <>
struct std::hash<trolley::SeriesReference> {
  size_t operator()(const trolley::SeriesReference& r) const noexcept {
    const std::hash<trolley::Uid> of;
    return of(r.study) * 31 + of(r.series);
  }
};

template <>
struct std::hash<trolley::InstanceReference> {
  size_t operator()(const trolley::InstanceReference& r) const noexcept {
    const std::hash<trolley::Uid> of;
    return (of(r.study) * 31 + of(r.series)) * 31 + of(r.instance);
  }
};

#endif  // TROLLEY_REFERENCES_H_
