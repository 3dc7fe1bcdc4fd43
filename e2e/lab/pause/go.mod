module wscluster.io/lab/pause

go 1.25
