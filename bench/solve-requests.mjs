// What bench/solve.mjs asks for.
export const HAND_PICKED = [
  "python",
  "python numpy",
  "python numpy pandas",
  "python=3.12 numpy pandas scipy matplotlib jupyterlab",
  "python numpy pandas scipy matplotlib jupyterlab",
  "python=3.11 scikit-learn pandas matplotlib",
  "pytorch",
  "python=3.12 pytorch",
  "geopandas",
  "geopandas qgis",
  "gdal",
  "python=3.11 gdal rasterio",
  "xarray dask netcdf4",
  "r-base",
  "compilers",
  "openjdk",
  "qt6-main",
  "opencv",
  "python=3.12 opencv",
  "mpi4py",
  "hdf5 netcdf4 h5py",
  "jupyterlab ipywidgets",
  "python=3.10 numpy scipy",
  "python=3.13 pandas",
  "scikit-image matplotlib",
  "pyarrow pandas",
  "boost cmake ninja",
  "ffmpeg",
  "python=3.8 pandas",
  "python=3.12 torchvision",
];

/** An environment of some hundred packages, to be updated as a whole. */
export const LARGE =
  "python jupyterlab numpy pandas scipy matplotlib scikit-learn scikit-image xarray dask netcdf4 geopandas pyarrow opencv h5py " +
  "seaborn statsmodels sympy bokeh ipywidgets fiona rasterio cartopy requests pytest sphinx black mypy boost ffmpeg pytorch";

/** The same requests on every run: two to six names each, half of them with python. */
export function randomRequests(names, count) {
  let state = 20240501;
  const next = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return Array.from({ length: count }, () => {
    const chosen = Array.from({ length: 2 + next(5) }, () => names[next(names.length)]);
    return next(2) ? ["python", ...chosen] : chosen;
  });
}
