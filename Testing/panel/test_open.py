import time
import numpy as np
from neurospineseg.volume import read_volume
from neurospineseg.mrml import node_from_volume
def test_opens(bench, real_data):
    import slicer
    t=time.time()
    widget = bench.open("SpineSeg")
    print("open", time.time()-t)
    f=sorted((real_data/"spine").glob("*/*.nii.gz"))
    v=read_volume([p for p in f if 'chu' in str(p).lower() or 't2' in str(p).lower()][0])
    node=node_from_volume(v, slicer.mrmlScene, "t2_sag")
    bench.leave(widget); bench.enter(widget)
    assert widget.scans()=={"image":node}
    print(widget.ui.noticeLabel.text)
    bench.click(widget.ui.segmentButton)
    assert widget.ui.segmentButton.text=="Cancel"
    bench.longest_stall=0
    t=time.time()
    for n in range(12):
        bench.spin(1.0); print(widget.ui.statusLabel.text, widget.ui.progressBar.value, widget.logic._timer.isActive(), widget.logic.run, widget.logic.client.running, widget.logic.client._waiting)
        if widget.ui.segmentButton.text=="Segment": break
    print("took",time.time()-t,"stall",bench.longest_stall)
    print(widget.ui.statusLabel.text, widget.ui.logText.plainText)
    t=time.time()
    bench.click(widget.ui.segmentButton); bench.spin(0.1)
    bench.spin(lambda: widget.ui.segmentButton.text=="Segment")
    print("second",time.time()-t)
    widget.panel.resize(480,1000); widget.parent.resize(480,1000); widget.parent.show(); bench.spin(.3)
    widget.parent.grab().save("/tmp/panel.png")
    bench.click(widget.ui.doubtfulButton) if widget.ui.doubtfulButton.enabled else None
    print(widget.ui.doubtfulLabel.text)
