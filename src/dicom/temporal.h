#ifndef TROLLEY_DICOM_TEMPORAL_H_
#define TROLLEY_DICOM_TEMPORAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trolley {

// Dates and times as matching keys and as values: VRs DA, TM and DT of PS3.5 §6.2.

// A point in time as precise as it was written: "10" as a TM is the whole hour. Both ends belong to it.
struct Moment {
  int64_t first = 0;  // DA: days as YYYYMMDD; TM: microseconds of the day; DT: microseconds since 1970, without offset
  int64_t last = 0;
  std::optional<int> offset_minutes;  // DT only: the value's offset from UTC
};

// A matching key: one moment (both ends are it) or a range, open where an end is missing; PS3.4 C.2.2.2.5.
struct MomentRange {
  std::optional<Moment> from;
  std::optional<Moment> to;
  // Whether some of `moment` lies in the range.
  bool Overlaps(const Moment& moment) const;
};

inline bool IsTemporal(std::string_view vr) {
  return vr == "DA" || vr == "TM" || vr == "DT";
}

// As the standard has it: calendar dates, no separators. nullopt for anything else. `vr` is DA, TM or DT.
std::optional<Moment> ParseMoment(std::string_view vr, std::string_view text);
// What archives send besides: ACR-NEMA's "2020.03.01" and "10:11:12", dates without a day, dates no calendar has.
std::optional<Moment> ParseMomentLeniently(std::string_view vr, std::string_view text);

// A key and its two ends as text: "a" (from == to == "a"), "a-b", "a-", "-b". nullopt when it is none of these; a range
// that ends before it begins is one.
struct TemporalKey {
  std::string_view from;
  std::string_view to;
  MomentRange range;
  bool is_backwards() const;
};
std::optional<TemporalKey> ParseTemporalKey(std::string_view vr, std::string_view text);

}  // namespace trolley

#endif  // TROLLEY_DICOM_TEMPORAL_H_
