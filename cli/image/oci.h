// Images of the Open Container Initiative and of Docker: from a registry, a layout directory or
// an archive to a directory tree and a description of how to run it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "arch/result.h"
#include "cli/image/tree_writer.h"

namespace nestp {

/// What an image says of how to run it.
struct ImageConfig {
  std::vector<std::string> environment{};
  std::vector<std::string> entrypoint{};
  std::vector<std::string> command{};
  std::string directory{};
  std::string user{};
  std::string architecture{};
};

/// An image whose parts are all on disk and verified.
struct LocalImage {
  ImageConfig config{};
  std::vector<std::string> layers{};  ///< paths of archives, lowest first
};

/// Where parts of an image come from: the path of a file with this digest ("sha256:..."), verified.
using BlobSource = std::function<Result<std::string>(const std::string& digest)>;

/// From the text of an index or manifest; `machine` is in Go's words: amd64, arm64, ...
/// `get_all`, if set, is told of all parts before the first is asked for.
Result<LocalImage> read_image(
    const std::string& text, const std::string& machine, const BlobSource& blob,
    const std::function<Result<>(const std::vector<std::string>&)>& get_all = {});

/// A directory in the form of an OCI layout, or of an unpacked docker-save archive.
bool is_image_directory(const std::string& directory);
Result<LocalImage> read_image_directory(const std::string& directory, const std::string& machine);

/// Applies the layers, each with the removals that it orders, below an empty directory.
Result<> unpack_layers(const LocalImage& image, const std::string& directory, Owners owners,
                       OwnerNotes* notes = nullptr);

/// Go's word for this machine, or for a machine as uname(2) names it.
std::string image_machine(const std::string& wanted);

/// True if `digest` is "sha256:" and 64 hexadecimal digits.
bool is_digest(const std::string& digest);

}  // namespace nestp
