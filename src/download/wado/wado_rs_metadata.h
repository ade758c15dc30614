#ifndef TROLLEY_DOWNLOAD_WADO_WADO_RS_METADATA_H_
#define TROLLEY_DOWNLOAD_WADO_WADO_RS_METADATA_H_

#include <functional>
#include <memory>
#include <string>

#include "dicom/data_set.h"
#include "trolley/downloaders.h"
#include "trolley/http_client.h"
#include "trolley/references.h"

namespace trolley {

// Retrieve Metadata of DICOMweb, PS3.18 2024d §10.4.1.1.2: all attributes of instances without their bulk data.
// Thread-safe. Each call gives one data set after another to `each` and returns true; false when the archive says that
// it has no such thing. Anything else throws Error.
class WadoRsMetadata {
 public:
  WadoRsMetadata(WadoRsMetadataOptions options, std::shared_ptr<HttpClient> http);
  ~WadoRsMetadata();
  WadoRsMetadata(const WadoRsMetadata&) = delete;
  WadoRsMetadata& operator=(const WadoRsMetadata&) = delete;

  using Each = std::function<void(DataSet)>;
  bool OfStudy(const StudyReference& study, const Each& each, const Context& context);
  bool OfSeries(const SeriesReference& series, const Each& each, const Context& context);
  bool OfInstance(const InstanceReference& instance, const Each& each, const Context& context);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_WADO_WADO_RS_METADATA_H_
