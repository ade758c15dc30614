#ifndef TROLLEY_DOWNLOAD_C_GET_C_GET_FETCH_H_
#define TROLLEY_DOWNLOAD_C_GET_C_GET_FETCH_H_

#include <span>

#include "dimse/association_pool.h"
#include "download/c_get/c_get_experience.h"
#include "download/retrieve.h"
#include "trolley/context.h"
#include "trolley/downloader.h"
#include "trolley/references.h"

namespace trolley {

// The kind of request: a list of instance UIDs, or the series. Many archives (Orthanc) look up each UID of a list on
// its own, which takes several times as long as to send a small instance.
enum class CGetRequestKind { kList, kSeriesThenList, kSeries };

// Fetches some instances of one series by C-GET; returns and throws as Downloader::Download.
void FetchByCGet(const RetrieveModel& model, AssociationPool& pool, CGetExperience& experience,
                 const SeriesReference& series, std::span<const InstanceReference> wanted, CGetRequestKind kind,
                 DownloadSink& sink, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_C_GET_C_GET_FETCH_H_
