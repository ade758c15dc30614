#include "search/qido/qido_profile.h"

namespace trolley {
namespace {

constexpr QidoProfile kGeneric;
// Takes "fuzzymatching" without a word and ignores it. Whether it decodes its query string depends on the build: that
// is probed.
constexpr QidoProfile kOrthanc{.fuzzy = false};
// 100 studies or series and 1000 instances unless asked for more.
constexpr QidoProfile kGoogle{.max_page = 5000, .max_instances_page = 50000};
// A limit outside 1..200 is an error, other Accept headers are as well; few attributes are returned unasked.
constexpr QidoProfile kAzure{.accept = "application/dicom+json",
                             .max_page = 200,
                             .max_instances_page = 200,
                             .wildcards = false,
                             .default_attributes = false};
constexpr QidoProfile kAws{.max_rows = 10000, .relational = false};

}  // namespace

const QidoProfile& QidoProfileOf(ServerProfile profile) {
  switch (profile) {
    case ServerProfile::kOrthanc:
      return kOrthanc;
    case ServerProfile::kGoogle:
      return kGoogle;
    case ServerProfile::kAzure:
      return kAzure;
    case ServerProfile::kAws:
      return kAws;
    case ServerProfile::kGeneric:
    case ServerProfile::kAuto:
    case ServerProfile::kDcm4chee:  // follows the standard; says in a Warning what it left out
    case ServerProfile::kVitrea:
      break;
  }
  return kGeneric;
}

}  // namespace trolley
