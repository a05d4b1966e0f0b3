// A root file system as an image of one layer, in the form of an OCI layout.
#pragma once

#include <functional>
#include <string>

#include "arch/result.h"
#include "cli/image/archive_writer.h"
#include "cli/image/oci.h"

namespace nestp {

/// Makes `directory`, which must not be there, with the image that its index calls `name`.
/// `pack` writes all files of the layer.
Result<> write_image(const std::string& directory, const std::string& name,
                     const ImageConfig& config,
                     const std::function<Result<>(ArchiveWriter&)>& pack);

}  // namespace nestp
