#ifndef TROLLEY_DOWNLOAD_WADO_WADO_RS_H_
#define TROLLEY_DOWNLOAD_WADO_WADO_RS_H_

#include <memory>
#include <string>

#include "download/downloader.h"
#include "http/http_client.h"
#include "http/server_profile.h"

namespace trolley {

struct WadoRsOptions {
  std::string url;  // base of the DICOMweb service, with or without trailing "/"
  ServerProfile profile = ServerProfile::kGeneric;
};

// Retrieve transaction of DICOMweb, PS3.18 2024d §10.4: instances one by one; when many of a series are asked for, the
// series in one request, and what that did not bring one by one. Stored bytes are asked for (transfer-syntax=*); on 400
// or 406 the Accept header falls back along a ladder that is remembered for the server, unless the server once
// understood the first rung: then its refusal concerns the instance, and other rungs would only bring other bytes.
std::unique_ptr<Downloader> MakeWadoRsDownloader(WadoRsOptions options, std::shared_ptr<HttpClient> http);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_WADO_WADO_RS_H_
